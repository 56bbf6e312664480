// SPDX-License-Identifier: Apache-2.0

package main

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/pgvigil/pgvigil/plugins/sdk/plugintest"
)

// TestDuplicate: another host with the VIP is found, and the finding ends with its cause.
func TestDuplicate(t *testing.T) {
	hosts, watch := startAll(t, 2)
	m1, m2 := hosts[0], hosts[1]
	applyAll(hosts, 1, m1)
	watch.waitFor("m1")
	m1.eventuallyWell()
	run(t, "ip -n "+m2.ns+" address add "+vipAddr+"/24 dev eth0")
	m2.eventuallySick("on eth0 although")
	m1.stopPlugin()
	m1.startPlugin() // a minute has not passed
	m1.apply(1, m1)
	m1.eventuallySick("also on a host with the hardware address " + m2.hardware())
	run(t, "ip -n "+m2.ns+" address del "+vipAddr+"/24 dev eth0")
	m1.eventuallyWell()
	m2.eventuallyWell()
}

// TestWithoutPrivilege: without CAP_NET_RAW only the search for duplicates is missing.
func TestWithoutPrivilege(t *testing.T) {
	h := newHosts(t, 1, "primary")[0]
	h.startKeepalived()
	h.startPlugin("setpriv", "--bounding-set=-net_raw", "--inh-caps=-net_raw")
	h.apply(1, h)
	h.eventually("the VIP is here", h.holds)
	healthy, message := h.health()
	if !healthy || !strings.Contains(message, "CAP_NET_RAW") {
		t.Errorf("health: %v, %q", healthy, message)
	}
}

// TestBadConfigurations of Keepalived: each is named, and over when it is put right.
func TestBadConfigurations(t *testing.T) {
	const track = "    track_file {\n        pgvigil weight 0 reverse\n    }\n"
	for name, c := range map[string]struct {
		replace []string
		// primary is whether the host has the primary.
		primary bool
		words   string
	}{
		"no track_file, standby":      {[]string{"file /run/pgvigil/keepalived/vrrp", "file /run/other"}, false, "has not read"},
		"no track_file, primary":      {[]string{"file /run/pgvigil/keepalived/vrrp", "file /run/other"}, true, "has not read"},
		"not tracked by the instance": {[]string{track, ""}, false, "although"},
		"another address":             {[]string{"10.0.0.100/24", "10.98.0.101/24"}, true, "is on no interface"},
		"no such interface":           {[]string{"interface eth0", "interface eth7"}, true, "Keepalived does not run"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHosts(t, 1, "primary")[0]
			h.launchKeepalived(c.replace...)
			h.startPlugin()
			tell := func() {
				if c.primary {
					h.apply(1, h)
				} else {
					h.apply(1, nil)
				}
			}
			tell()
			h.eventuallySick(c.words)
			h.keepalived.kill(syscall.SIGTERM)
			h.startKeepalived()
			h.eventually("the VIP is where it belongs", func() bool { return h.holds() == c.primary })
			h.eventuallyWell()
		})
	}
}

// TestBadDirectory: a directory that cannot be written or came after Keepalived is named, and stops nobody.
func TestBadDirectory(t *testing.T) {
	h := newHosts(t, 1, "primary")[0]
	dir := filepath.Dir(h.file())
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	h.startKeepalived()
	h.startPlugin()
	h.eventuallySick("the track file cannot be written")
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	h.apply(1, nil)
	h.eventuallySick("although")
	h.keepalived.signal(syscall.SIGHUP)
	h.eventuallyWell()
}

// TestBadProxy: HAProxy absent or without the backend.
func TestBadProxy(t *testing.T) {
	hosts := newHosts(t, 1, "haproxy")
	h := hosts[0]
	h.startKeepalived()
	h.startPlugin()
	h.startPostgres()
	h.apply(1, h)
	h.eventuallySick("HAProxy does not answer")
	h.startHAProxy(nil)
	h.eventuallySick("no server of haproxy_backend is up")
	h.haproxy.kill(syscall.SIGKILL)
	h.startHAProxy(hosts)
	h.eventuallyWell()
	body := h.body()
	body["haproxy_backend"] = "pgvigil_primry"
	plugintest.Configure(t, h.conn, body, h.place)
	h.eventuallySick("Can't find backend")
	plugintest.Configure(t, h.conn, h.body(), h.place)
	h.eventuallyWell()
}

// hardware is the address of the host's card.
func (h *host) hardware() string {
	h.t.Helper()
	var card *net.Interface
	err := h.inside(func() (err error) {
		card, err = net.InterfaceByName("eth0")
		return err
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return card.HardwareAddr.String()
}
