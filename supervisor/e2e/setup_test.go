// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// asHost runs as the first process of a host with a network, file systems and processes of its own. It is set up with the
// command in $setup; what is printed goes to $dir.
const asHost = `set -e
for d in /run /var/lib /dev/shm; do mount -t tmpfs -o mode=755 tmpfs $d; done
chmod 1777 /dev/shm
install -d -o postgres -g postgres /run/postgresql $(dirname "$data")
$setup >$dir/setup.json
pgvigil dcs serve --config $dir/etc >$dir/etcd.log 2>&1 &
pgvigild --config $dir/etc >$dir/pgvigild.log 2>&1 &
wait`

// setupHost is a host that is set up and started.
type setupHost struct {
	t                *testing.T
	name, dir, netns string
}

// TestSetup has pgvigil setup write the configurations of three hosts, the others' with the command line that the first one told
// and with its secrets, and starts a cluster from them.
func TestSetup(t *testing.T) {
	root, err := os.MkdirTemp("/tmp", "pgv-setup-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(root) })
	if err := os.Chmod(root, 0o755); err != nil {
		t.Fatal(err)
	}
	hub := fmt.Sprintf("pgv-%d-setup", os.Getpid())
	addNamespace(t, hub)
	ip(t, "-n "+hub+" link add br0 type bridge")
	ip(t, "-n "+hub+" link set br0 up")
	var hosts []*setupHost
	for i, name := range []string{"mdw", "standby", "standby1"} {
		h := &setupHost{t: t, name: name, dir: filepath.Join(root, name)}
		h.netns = plug(t, hub, name, fmt.Sprintf("10.98.0.%d/24", i+1))
		hosts = append(hosts, h)
	}
	pgBin := newest(t)
	members := "mdw=10.98.0.1,standby=10.98.0.2,standby1=10.98.0.3"
	hosts[0].start("pgvigil setup --yes --cluster demo --members "+members+" --etcd embedded --secrets new", pgBin)
	again := hosts[0].told()
	for _, h := range hosts[1:] {
		secrets := filepath.Join(root, h.name+"-secrets")
		copySecrets(t, filepath.Join(hosts[0].dir, "etc"), secrets)
		h.start(strings.ReplaceAll(again, "/root/pgvigil-secrets", secrets), pgBin)
	}
	hosts[0].await("list", "--check")
	var status struct{ Members []struct{ Name, Role string } }
	hosts[0].until("three members", func() bool {
		out, err := hosts[0].pgvigil("list", "-o", "json")
		return err == nil && json.Unmarshal(out, &status) == nil && len(status.Members) == 3
	})
	for _, h := range hosts {
		h.await("list", "--check")
	}
	standbys := slices.DeleteFunc(hosts, func(h *setupHost) bool { // whoever was there first leads
		return slices.ContainsFunc(status.Members, func(m struct{ Name, Role string }) bool { return m.Name == h.name && m.Role == "leader" })
	})
	candidate := standbys[1].name
	standbys[0].await("switchover", "--dry-run", "--candidate", candidate)
	// Asked on a standby: the leader's interface takes this host's password.
	if out, err := standbys[0].pgvigil("switchover", "--yes", "--candidate", candidate); err != nil {
		t.Errorf("switchover: %v: %s", err, out)
	}
	standbys[1].await("list", "--check")
}

func ip(t *testing.T, args string) {
	t.Helper()
	if out, err := exec.Command("ip", strings.Fields(args)...).CombinedOutput(); err != nil {
		t.Fatalf("ip %s: %v: %s", args, err, out)
	}
}

func addNamespace(t *testing.T, name string) {
	t.Helper()
	ip(t, "netns add "+name)
	t.Cleanup(func() {
		if out, err := exec.Command("ip", "netns", "delete", name).CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
	})
}

// plug makes a network namespace for a host, joined to the bridge in the hub's, and returns its name.
func plug(t *testing.T, hub, name, address string) string {
	t.Helper()
	netns := hub + "-" + name
	addNamespace(t, netns)
	ip(t, "-n "+netns+" link set lo up")
	ip(t, "-n "+hub+" link add "+name+" type veth peer name eth0 netns "+netns)
	ip(t, "-n "+hub+" link set "+name+" master br0 up")
	ip(t, "-n "+netns+" address add "+address+" dev eth0")
	ip(t, "-n "+netns+" link set eth0 up")
	return netns
}

// start boots the host. Its processes end with the one that is started here, and so do their shared memory and their data.
func (h *setupHost) start(setup, pgBin string) {
	h.t.Helper()
	data := "/var/lib/postgresql/test/main"
	if err := os.MkdirAll(h.dir, 0o755); err != nil {
		h.t.Fatal(err)
	}
	bin, err := filepath.Abs(binaries())
	if err != nil {
		h.t.Fatal(err)
	}
	log, err := os.Create(filepath.Join(h.dir, "host.log"))
	if err != nil {
		h.t.Fatal(err)
	}
	defer log.Close()
	setup += " -o json --pg-bin " + pgBin + " --data-dir " + data + " --config " + filepath.Join(h.dir, "etc")
	c := exec.Command("ip", "netns", "exec", h.netns,
		"unshare", "--mount", "--ipc", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", asHost)
	c.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "setup="+setup, "dir="+h.dir, "data="+data)
	c.Stdout, c.Stderr = log, log
	if err := c.Start(); err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() {
		if h.t.Failed() {
			h.show()
		}
		_ = c.Process.Kill()
		_ = c.Wait()
	})
}

// show puts the ends of the host's logs into the test's.
func (h *setupHost) show() {
	for _, name := range []string{"host.log", "etcd.log", "pgvigild.log"} {
		text, _ := os.ReadFile(filepath.Join(h.dir, name))
		h.t.Logf("%s of %s:\n%s", name, h.name, text[max(0, len(text)-3000):])
	}
}

// told is the command line for the other hosts, as setup says it.
func (h *setupHost) told() (command string) {
	h.t.Helper()
	h.until("command line for the other hosts", func() bool {
		var said struct{ Next []struct{ Commands []string } }
		text, err := os.ReadFile(filepath.Join(h.dir, "setup.json"))
		if err != nil || json.Unmarshal(text, &said) != nil {
			return false
		}
		for _, step := range said.Next {
			for _, c := range step.Commands {
				if strings.HasPrefix(c, "pgvigil setup ") {
					command = c
				}
			}
		}
		return command != ""
	})
	return command
}

func copySecrets(t *testing.T, from, to string) {
	t.Helper()
	const script = `install -d -m 0700 "$1" && cp "$0"/*.password "$0"/*.secret "$1"`
	if out, err := exec.Command("sh", "-c", script, from, to).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

// pgvigil runs the command on the host.
func (h *setupHost) pgvigil(args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(h.t.Context(), patience)
	defer cancel()
	command := []string{"netns", "exec", h.netns, filepath.Join(binaries(), "pgvigil"), "--config", filepath.Join(h.dir, "etc")}
	return exec.CommandContext(ctx, "ip", append(command, args...)...).CombinedOutput()
}

// await runs a command until it succeeds.
func (h *setupHost) await(args ...string) {
	h.t.Helper()
	h.until("pgvigil "+strings.Join(args, " "), func() bool {
		_, err := h.pgvigil(args...)
		return err == nil
	})
}

func (h *setupHost) until(what string, holds func() bool) {
	h.t.Helper()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	patience := time.After(2 * patience)
	for !holds() {
		select {
		case <-tick.C:
		case <-patience:
			h.t.Fatalf("%s on %s: not in time", what, h.name)
		}
	}
}
