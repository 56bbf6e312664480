// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

func TestHostsWereSwitchedOnAtDifferentTimes(t *testing.T) {
	n, nodes := greeting(t)
	nodes[0].cluster.options.Netns = true
	first, second := uptimeOn(t, nodes[0]), uptimeOn(t, nodes[1])
	if ahead := second - first; ahead < uptimeStep.Seconds() || ahead > uptimeStep.Seconds()+60 {
		t.Errorf("%s is %.0f s ahead of %s", n.namespace(1), ahead, n.namespace(0))
	}
	if here := seconds(t, mustRead(t, "/proc/uptime")); here > first+60 || here < first-60 {
		t.Errorf("uptime here %.0f s, on the first host %.0f s", here, first)
	}
}

func uptimeOn(t *testing.T, n *Node) float64 {
	t.Helper()
	var out strings.Builder
	command := exec.Command("cat", "/proc/uptime")
	command.Stdout = &out
	if err := n.onHost(command.Start); err != nil {
		t.Fatal(err)
	}
	if err := command.Wait(); err != nil {
		t.Fatal(err)
	}
	return seconds(t, out.String())
}

func seconds(t *testing.T, text string) float64 {
	t.Helper()
	first, _, _ := strings.Cut(text, " ")
	number, err := strconv.ParseFloat(first, 64)
	if err != nil {
		t.Fatal(err)
	}
	return number
}

func mustRead(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
