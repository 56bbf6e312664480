// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// startProxied starts everything on hosts where the VIP follows HAProxy, with m1 as the primary, and waits for the VIP.
func startProxied(t *testing.T) ([]*host, *holders) {
	t.Helper()
	hosts := newHosts(t, 3, "haproxy")
	watch := watchHolders(t, hosts)
	for _, h := range hosts {
		h.startKeepalived()
		h.startHAProxy(hosts)
		h.startPlugin()
	}
	hosts[0].startPostgres()
	applyAll(hosts, 1, hosts[0])
	watch.waitFor("m1")
	hosts[1].waitSays("2")
	hosts[2].waitSays("2")
	return hosts, watch
}

func (h *host) waitSays(value string) {
	h.t.Helper()
	h.eventually("the file says "+value, func() bool { return h.says() == value })
}

// TestHAProxyKilled: the VIP leaves a host whose HAProxy is gone or hangs, and returns to the primary's host.
func TestHAProxyKilled(t *testing.T) {
	hosts, watch := startProxied(t)
	m1 := hosts[0]
	for _, h := range hosts {
		h.eventuallyWell()
	}
	for range 3 {
		began := time.Now()
		m1.haproxy.kill(syscall.SIGKILL)
		m1.eventually("the VIP is on another host", func() bool { return watch.now() == "m2" || watch.now() == "m3" })
		t.Logf("HAProxy killed: %s", watch.story(began))
		if seen, _ := watch.since(began); len(seen) < 3 || seen[1] != "-" {
			t.Errorf("not first given up, then taken: %s", watch.story(began))
		}
		m1.eventuallySick("HAProxy does not answer")
		began = time.Now()
		m1.startHAProxy(hosts)
		watch.waitFor("m1")
		t.Logf("HAProxy started: %s", watch.story(began))
	}

	m1.haproxy.signal(syscall.SIGSTOP)
	m1.eventually("the VIP is on another host", func() bool { return watch.now() == "m2" || watch.now() == "m3" })
	began := time.Now()
	m1.apply(1, m1)
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("apply took %s while HAProxy hung", took)
	}
	m1.eventuallySick("HAProxy does not answer")
	m1.haproxy.signal(syscall.SIGCONT)
	watch.waitFor("m1")
	m1.eventuallyWell()
}

// TestHAProxyReloaded: the VIP stays while a new HAProxy takes over and has not checked its servers yet.
func TestHAProxyReloaded(t *testing.T) {
	hosts, watch := startProxied(t)
	m1 := hosts[0]
	m1.checked = 5 * time.Second // HAProxy spreads the first checks over that time
	for range 2 {
		began, old := time.Now(), m1.haproxy
		m1.startHAProxy(hosts, "-sf", strconv.Itoa(old.cmd.Process.Pid))
		<-old.gone
		m1.eventually("the new one has checked", func() bool { return strings.Contains(m1.haproxy.read(), "any2 is DOWN") })
		m1.eventuallyWell()
		if got := watch.story(began); got != "m1" {
			t.Errorf("reload of HAProxy: %s", got)
		}
	}
}

// TestNoRoute: a host takes the VIP only when its own HAProxy has a route to the primary, which one that was just
// started has not, although it takes all servers for up.
func TestNoRoute(t *testing.T) {
	hosts, watch := startProxied(t)
	m1, m2, m3 := hosts[0], hosts[1], hosts[2]
	m3.nft("table ip block { chain out { type filter hook output priority 0; ip daddr " + m1.addr + " tcp dport 5432 drop; }; }")
	m3.waitSays("0")
	m3.eventuallySick("no route to the primary")
	m3.haproxy.kill(syscall.SIGTERM)
	m3.startHAProxy(hosts)
	m2.haproxy.kill(syscall.SIGKILL)
	m1.haproxy.kill(syscall.SIGKILL)
	watch.waitFor("")
	m3.eventuallySick("no route to the primary")
	gone := time.Now()
	m3.eventually("a second without a route", func() bool { return time.Since(gone) > time.Second })
	if story := watch.story(gone); story != "-" {
		t.Errorf("taken without a route: %s", story)
	}
	began := time.Now()
	m3.heal()
	watch.waitFor("m3")
	t.Logf("route found: %s", watch.story(began))
	m3.eventuallyWell()
}

// TestFailover: while there is no primary, the VIP stays where it is for a failover's time, and then goes to the new one.
func TestFailover(t *testing.T) {
	hosts, watch := startProxied(t)
	m1, m2 := hosts[0], hosts[1]
	began := time.Now()
	m1.stopPostgres()
	applyAll(hosts, 1, nil)
	m1.waitSays("1")
	m2.waitSays("0")
	m2.startPostgres()
	applyAll(hosts, 2, m2)
	watch.waitFor("m2")
	t.Logf("failover: %s", watch.story(began))
	if gap := watch.nowhere(began); gap > 50*time.Millisecond {
		t.Errorf("the VIP was nowhere for %s: %s", gap, watch.story(began))
	}

	began = time.Now()
	m2.stopPostgres()
	applyAll(hosts, 2, nil)
	watch.waitFor("")
	t.Logf("no new primary within the TTL of 5 s: %s", watch.story(began))
}

// TestCut: a host that is cut off, with the carrier up, does not get the VIP back when the cut heals before it has
// learned who is primary.
func TestCut(t *testing.T) {
	hosts, watch := startProxied(t)
	m1, m2, m3 := hosts[0], hosts[1], hosts[2]
	began := time.Now()
	m1.cut()
	m1.stopPostgres() // fenced; its supervisor has no news
	m2.startPostgres()
	m2.apply(2, m2)
	m3.apply(2, m2)
	watch.waitFor("m1+m2") // neither knows of the other
	watch.waitFor("m2")    // m1 is without a route for a TTL
	t.Logf("cut: %s", watch.story(began))
	healed := time.Now()
	m1.heal()
	m1.eventually("some seconds after the heal", func() bool { return time.Since(healed) > 3*time.Second })
	if got := watch.story(healed); got != "m2" {
		t.Errorf("after the heal: %s", got)
	}
	m1.apply(2, m2)
	m1.waitSays("2")
	if got := watch.story(healed); got != "m2" {
		t.Errorf("after the heal: %s", got)
	}
}

// TestShortCut: healed within a TTL, the cut-off host still has the VIP and gives it up at once.
func TestShortCut(t *testing.T) {
	hosts, watch := startProxied(t)
	m1, m2, m3 := hosts[0], hosts[1], hosts[2]
	m1.cut()
	m1.stopPostgres()
	m2.startPostgres()
	m2.apply(2, m2)
	m3.apply(2, m2)
	watch.waitFor("m1+m2")
	m1.waitSays("1")
	healed := time.Now()
	m1.heal()
	watch.waitFor("m2")
	t.Logf("short cut healed: %s", watch.story(healed))
	if seen, _ := watch.since(healed); len(seen) != 2 {
		t.Errorf("after the heal: %s", watch.story(healed))
	}
}
