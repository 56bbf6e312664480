// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pgvigil/pgvigil/plugins/sdk/plugintest"
	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
)

// TestReadmeConfigurations has Keepalived judge what the README shows.
func TestReadmeConfigurations(t *testing.T) {
	for _, follow := range []string{"primary", "haproxy"} {
		h := newHosts(t, 1, follow)[0]
		path := filepath.Join(h.dir, "keepalived.conf")
		if err := os.WriteFile(path, []byte(strings.ReplaceAll(readme(t, follow), "/run/pgvigil/keepalived/vrrp", h.file())), 0o600); err != nil {
			t.Fatal(err)
		}
		run(t, "ip netns exec "+h.ns+" "+program("keepalived")+" --config-test --use-file "+path)
	}
}

// startAll starts Keepalived, the plugin and a stand-in for PostgreSQL's port on hosts where the VIP follows the
// primary.
func startAll(t testing.TB, n int) ([]*host, *holders) {
	t.Helper()
	hosts := newHosts(t, n, "primary")
	watch := watchHolders(t, hosts)
	for _, h := range hosts {
		h.startKeepalived()
		h.startPlugin()
		h.startPostgres()
	}
	return hosts, watch
}

// waitFor waits until the VIP is exactly there.
func (w *holders) waitFor(where string) {
	w.t.Helper()
	plugintest.Eventually(w.t, "the VIP is on "+where, func() bool { return w.now() == where })
}

// neverTwo fails the test if ever two hosts had the VIP.
func (w *holders) neverTwo() {
	w.t.Helper()
	if story := w.story(time.Time{}); strings.Contains(story, "+") {
		w.t.Errorf("two hosts had the VIP at once: %s", story)
	}
}

// TestSwitchover: the VIP is nowhere without a primary, comes to it, and leaves the old one before it comes to the new.
func TestSwitchover(t *testing.T) {
	hosts, watch := startAll(t, 3)
	m1, m2 := hosts[0], hosts[1]
	applyAll(hosts, 1, nil)
	for _, h := range hosts {
		h.eventuallyWell()
	}
	applyAll(hosts, 2, m1)
	watch.waitFor("m1")
	for i := range 6 {
		from, to := hosts[i%2], hosts[(i+1)%2]
		began := time.Now()
		from.apply(uint64(3+i), nil) // as before PostgreSQL is stopped
		applyAll(hosts, uint64(3+i), to)
		watch.waitFor(to.name)
		t.Logf("switchover: %s", watch.story(began))
	}
	m1.apply(9, nil)
	applyAll(hosts, 9, nil)
	watch.waitFor("")
	m2.eventuallyWell()
	if seen, _ := watch.since(time.Time{}); len(seen) != 1+1+6*2+1 {
		t.Errorf("the VIP was elsewhere in between: %s", watch.story(time.Time{}))
	}
	watch.neverTwo()
}

// TestFileRemoved: no file, no VIP; it comes back with the supervisor's next word, also when Keepalived is reloaded or
// restarted meanwhile. The directory stays the one that Keepalived watches.
func TestFileRemoved(t *testing.T) {
	hosts, watch := startAll(t, 2)
	before, err := os.Stat(filepath.Dir(hosts[0].file()))
	if err != nil {
		t.Fatal(err)
	}
	applyAll(hosts, 1, hosts[0])
	watch.waitFor("m1")
	began := time.Now()
	if err := os.Remove(hosts[0].file()); err != nil {
		t.Fatal(err)
	}
	watch.waitFor("")
	t.Logf("file removed: %s", watch.story(began))
	applyAll(hosts, 1, hosts[0])
	watch.waitFor("m1")
	after, err := os.Stat(filepath.Dir(hosts[0].file()))
	if err != nil || !os.SameFile(before, after) {
		t.Errorf("the directory is another one: %v", err)
	}
	watch.neverTwo()
}

// TestKeepalivedRestarted: reloaded, stopped and started, it needs nobody's word to do what the file says.
func TestKeepalivedRestarted(t *testing.T) {
	hosts, watch := startAll(t, 2)
	m1, m2 := hosts[0], hosts[1]
	applyAll(hosts, 1, m1)
	watch.waitFor("m1")

	began := time.Now()
	m1.keepalived.signal(syscall.SIGHUP)
	m1.eventually("keepalived has reloaded", func() bool {
		return strings.Contains(m1.keepalived.read(), "Reload complete")
	})
	watch.waitFor("m1")
	t.Logf("reload: %s", watch.story(began))
	m1.apply(1, nil)
	watch.waitFor("")
	m1.apply(1, m1)
	watch.waitFor("m1")

	began = time.Now()
	m1.keepalived.kill(syscall.SIGTERM)
	watch.waitFor("")
	m1.eventuallySick("Keepalived does not run")
	m1.startKeepalived()
	watch.waitFor("m1")
	t.Logf("restart: %s", watch.story(began))
	m1.eventuallyWell()

	m1.keepalived.kill(syscall.SIGKILL)
	m1.eventuallySick("left " + vipAddr + " on eth0")
	applyAll(hosts, 2, m2)
	watch.waitFor("m1+m2")
	m2.eventuallySick("also on a host with the hardware address")
	m1.startKeepalived()
	watch.waitFor("m2")
	m1.eventuallyWell()
	m2.eventuallyWell()
}

// TestPluginRestarted: the VIP stays while PostgreSQL goes on as the primary, whoever of pgvigil is restarted or killed,
// and is given up when nobody answers for it.
func TestPluginRestarted(t *testing.T) {
	hosts, watch := startAll(t, 2)
	m1, m2 := hosts[0], hosts[1]
	applyAll(hosts, 1, m1)
	watch.waitFor("m1")
	calm := time.Now()

	m1.plugin.Kill(t)
	m1.startPlugin()
	m1.apply(1, m1)
	m1.stopPlugin()
	m1.startPlugin()
	m1.eventuallyWell()
	m1.apply(1, m1)
	if seen, _ := watch.since(calm); len(seen) != 1 {
		t.Errorf("the VIP moved while PostgreSQL went on: %s", watch.story(calm))
	}

	m1.stopPostgres()
	m1.stopPlugin()
	watch.waitFor("")
	m2.apply(2, m2)
	watch.waitFor("m2")
	watch.neverTwo()
}

// TestSilence: when the supervisor says nothing any more, the VIP stays for as long as PostgreSQL takes connections.
func TestSilence(t *testing.T) {
	hosts, watch := startAll(t, 1)
	m1 := hosts[0]
	m1.apply(1, m1)
	watch.waitFor("m1")
	heard := time.Now()
	m1.eventually("nothing was said for longer than is believed", func() bool { return time.Since(heard) > 15*time.Second })
	if got := watch.now(); got != "m1" {
		t.Errorf("PostgreSQL goes on, and the VIP is on %q", got)
	}
	m1.stopPostgres()
	watch.waitFor("")
	m1.apply(1, m1)
	watch.waitFor("m1")
}

func (h *host) stopPlugin() {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), plugintest.Patience)
	defer cancel()
	if _, err := pluginv1.NewBaseClient(h.conn).Stop(ctx, &pluginv1.StopRequest{}); err != nil {
		h.t.Fatalf("stop of the plugin on %s: %v", h.name, err)
	}
	h.plugin.Kill(h.t)
}

// read is what the program has written.
func (d *daemon) read() string {
	raw, err := os.ReadFile(d.log)
	if err != nil {
		d.t.Fatal(err)
	}
	return string(raw)
}
