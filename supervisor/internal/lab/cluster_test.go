// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestMain lets copies of the test binary stand in for the programs of a node: a supervisor that starts a plugin and
// ignores SIGTERM, and an etcd.
func TestMain(m *testing.M) {
	switch filepath.Base(os.Args[0]) {
	case "pgvigild":
		plugin := exec.Command(filepath.Join(filepath.Dir(os.Args[0]), "plugins", "pgvigil-plugin-etcd"))
		plugin.Env = []string{"SOCKET_DIR=" + filepath.Dir(os.Args[2]) + "/run"}
		plugin.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		plugin.Dir = "/"
		if err := plugin.Start(); err != nil {
			panic(err)
		}
		<-time.After(time.Minute)
	case "pgvigil", "pgvigil-plugin-etcd":
		<-time.After(time.Minute)
	default:
		os.Exit(m.Run())
	}
}

func standIns(t *testing.T) Options {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "pgvigil-bin-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	for _, sub := range []string{"bin/plugins", "pg"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"pgvigild", "pgvigil", "plugins/pgvigil-plugin-etcd"} {
		copyExecutable(t, filepath.Join(dir, "bin", name))
	}
	return Options{Bin: filepath.Join(dir, "bin"), PGBin: filepath.Join(dir, "pg"), Nodes: 2}
}

func copyExecutable(t *testing.T, path string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	in, err := os.Open(self)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(out, in); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestOrphansBelongToTheirNodeAndCloseLeavesNothing(t *testing.T) {
	c, err := New(standIns(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	one, two := c.Nodes[0], c.Nodes[1]
	t.Cleanup(func() { tell(t, c) })
	eventually(t, "three processes each", func() bool { return len(one.Processes()) == 3 && len(two.Processes()) == 3 })

	if err := one.KillSupervisor(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the orphaned plugin is still the node's", func() bool { return programs(one) == "pgvigil pgvigil-plugin-etcd" })
	if err := one.KillPlugin("etcd"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "only etcd is left", func() bool { return programs(one) == "pgvigil" })
	if len(two.Processes()) != 3 {
		t.Errorf("processes of the other node: %v", two.Processes())
	}
	if err := two.KillHost(); err != nil {
		t.Fatal(err)
	}
	if left := two.Processes(); len(left) > 0 {
		t.Errorf("left after the host was killed: %v", left)
	}

	if err := two.StartHost(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the host is back", func() bool { return len(two.Processes()) == 3 })
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if left := append(one.Processes(), two.Processes()...); len(left) > 0 {
		t.Errorf("left after close: %v", left)
	}
	if _, err := os.Stat(c.Dir); !os.IsNotExist(err) {
		t.Errorf("directory after close: %v", err)
	}
}

func TestTwoClustersOnLoopbackDoNotMeet(t *testing.T) {
	options := standIns(t)
	first, err := New(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { first.Close() })
	greet(t, "", first.ports.api)
	second, err := New(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { second.Close() })
	if first.Nodes[0].API() == second.Nodes[0].API() {
		t.Errorf("both at %s", first.Nodes[0].API())
	}
}

func TestLoopbackNodesRefuseToBeCut(t *testing.T) {
	c, err := New(standIns(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.Nodes[0].Cut(Cut{}); err == nil {
		t.Error("a cut on loopback gave no error")
	}
}

// tell shows what a failed test's nodes were up to.
func tell(t *testing.T, c *Cluster) {
	if !t.Failed() {
		return
	}
	for _, n := range c.Nodes {
		t.Logf("%s: %v; etcd: %s; supervisor: %s", n.Name, n.Processes(), lastLine(n.EtcdLog()), lastLine(n.SupervisorLog()))
	}
}

func programs(n *Node) string {
	var names []string
	for _, p := range n.Processes() {
		names = append(names, p.Program)
	}
	return strings.Join(names, " ")
}

func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	deadline := time.After(10 * time.Second)
	for !done() {
		select {
		case <-ticker.C:
		case <-deadline:
			t.Fatalf("not within 10 s: %s", what)
		}
	}
}
