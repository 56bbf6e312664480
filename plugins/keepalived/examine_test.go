// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/pgvigil/pgvigil/plugins/sdk/plugintest"
)

// examine starts the plugin to look only.
func (h *host) examine() {
	h.t.Helper()
	h.launchPlugin()
	plugintest.Examine(h.t, h.conn, h.body())
}

// TestExamine: what doctor is told of a real Keepalived without a supervisor, and that the track file is left alone.
func TestExamine(t *testing.T) {
	for name, c := range map[string]struct {
		replace []string
		words   string // empty: all is well
	}{
		"well":          {nil, ""},
		"no track_file": {[]string{"file /run/pgvigil/keepalived/vrrp", "file /run/other"}, "does not name"},
		"commented out": {[]string{"    file /run/pgvigil/keepalived/vrrp",
			"    file /run/other # /run/pgvigil/keepalived/vrrp"}, "does not name"},
		"another address":        {[]string{"10.0.0.100/24", "10.98.0.101/24"}, "does not have the address " + vipAddr},
		"no interface to run on": {[]string{"interface eth0", "interface eth7"}, "Keepalived does not run"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHosts(t, 1, "primary")[0]
			if len(c.replace) == 0 {
				h.startKeepalived()
			} else {
				h.launchKeepalived(c.replace...)
			}
			h.examine()
			if c.words == "" {
				h.eventuallyWell()
			} else {
				h.eventuallySick(c.words)
			}
			h.stopPlugin()
			if _, err := os.Stat(h.file()); !os.IsNotExist(err) {
				t.Errorf("track file: %v", err)
			}
		})
	}
}

// TestExamineLeftAddress: a host that was killed as the primary keeps the address while doctor looks and ends; one that has
// it against the file is told of.
func TestExamineLeftAddress(t *testing.T) {
	h := newHosts(t, 1, "primary")[0]
	if err := os.WriteFile(h.file(), []byte("1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	h.startKeepalived()
	h.eventually("the VIP is here", h.holds)
	h.examine()
	h.eventuallyWell()
	h.stopPlugin()
	if h.says() != "1" {
		t.Errorf("the track file says %q", h.says())
	}
	h.keepalived.kill(syscall.SIGKILL)
	if err := os.WriteFile(h.file(), []byte("0\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	h.examine()
	h.eventuallySick("left " + vipAddr)
}

// TestExamineWithoutDirectory: it is told, and not made.
func TestExamineWithoutDirectory(t *testing.T) {
	h := newHosts(t, 1, "primary")[0]
	dir := filepath.Dir(h.file())
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	h.startKeepalived()
	h.examine()
	h.eventuallySick("make its directory, owned by the user of pgvigil")
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("directory: %v", err)
	}
}
