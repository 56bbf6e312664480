// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/pgvigil/pgvigil/plugins/haproxy/internal/haproxytest"
	"github.com/pgvigil/pgvigil/plugins/sdk/plugintest"
)

// fileLab is an HAProxy without a backend, and a body by which the plugin writes them into a file.
func fileLab(t *testing.T, program string, m *haproxytest.Member) (
	h *haproxytest.HAProxy, body, file map[string]any, path string,
) {
	t.Helper()
	h = haproxytest.New(t, program, "admin", "")
	h.Include = filepath.Join(h.Dir, "conf.d")
	if err := os.Mkdir(h.Include, 0o755); err != nil {
		t.Fatal(err)
	}
	h.Start(t)
	path = filepath.Join(h.Include, "pgvigil.cfg")
	file = map[string]any{
		"path": path, "main": []string{h.Config()}, "program": program,
		"primary_bind": "unix@" + h.Dir + "/primary", "replica_bind": "unix@" + h.Dir + "/replica",
		"default_server": "port " + strconv.Itoa(m.Check()) + " inter 1h",
	}
	body = bodyFor(h)
	body["config_file"], body["master_sockets"] = file, []string{h.Master()}
	return h, body, file, path
}

// TestOwnFile: the file holds every member that was heard of, and HAProxy has it and what was pushed.
func TestOwnFile(t *testing.T) {
	haproxytest.Each(t, func(t *testing.T, program string) {
		for _, way := range []string{"master_socket", "command"} {
			t.Run(way, func(t *testing.T) { ownFile(t, program, way) })
		}
	})
}

func ownFile(t *testing.T, program, way string) {
	m1, m2, m3 := silent(t, "m1"), silent(t, "m2"), silent(t, "m3")
	h, body, file, path := fileLab(t, program, m1)
	if way == "command" {
		delete(body, "master_sockets")
		file["reload"] = []string{"kill", "-USR2", strconv.Itoa(h.PID())}
	}
	body["max_lag"], body["tags"] = 1<<20, map[string]string{"site": "a b"}
	c := newClient(t, body)
	all := routesTo(5, m1, m2)
	all.Replicas[0].Tags = map[string]string{"site": "a b"}
	c.unavailable(t, all, `no backend "primary"`)
	h.AwaitUp(t, "primary/m1 replica/m1 replica/m2") // by the file, the reload and the watch
	if got := haproxytest.Connect(t, filepath.Join(h.Dir, "primary")).Member; got != "m1" {
		t.Errorf("writes reach %q, want m1", got)
	}
	contains(t, "file", read(t, path), "option httpchk OPTIONS /primary\n",
		"option httpchk OPTIONS /replica?lag=1048576&tag_site=a+b\n")
	c.healthy(t)

	c.apply(t, routesTo(6, m3, m1)) // m2 is away, which is no reason to forget it
	plugintest.Eventually(t, "m3 has a server", func() bool { return h.Server(t, "primary/m3").Name != "" })
	plugintest.Eventually(t, "writes reach m3", func() bool {
		return haproxytest.Connect(t, filepath.Join(h.Dir, "primary")).Member == "m3"
	})
	if h.Server(t, "primary/m2").Name == "" {
		t.Error("m2 was forgotten")
	}
}

// TestOwnFileLeavesOthers: a file that somebody else wrote is left as it is, and so is HAProxy when it would
// not take the new one.
func TestOwnFileLeavesOthers(t *testing.T) {
	m1 := silent(t, "m1")
	t.Run("foreign", func(t *testing.T) {
		_, body, _, path := fileLab(t, haproxytest.Installed(t), m1)
		const theirs = "# Written by hand.\n"
		if err := os.WriteFile(path, []byte(theirs), 0o644); err != nil {
			t.Fatal(err)
		}
		c := newClient(t, body)
		c.unavailable(t, routesTo(5, m1))
		c.becomesUnhealthy(t, path+" is not pgvigil's", "set config_file.path to another")
		if got := read(t, path); got != theirs {
			t.Errorf("the file was changed to %q", got)
		}
	})
	t.Run("refused", func(t *testing.T) {
		h, body, file, path := fileLab(t, haproxytest.Installed(t), m1)
		file["default_server"] = "port 8008 colour blue"
		c := newClient(t, body)
		before := h.PID()
		c.unavailable(t, routesTo(5, m1))
		c.becomesUnhealthy(t, path+" is left as it is", "unknown keyword 'colour'")
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the file is there: %v", err)
		}
		if h.PID() != before {
			t.Error("HAProxy was restarted")
		}
	})
}

// becomesUnhealthy waits until Health says all of these.
func (c *client) becomesUnhealthy(t *testing.T, words ...string) {
	t.Helper()
	message := ""
	plugintest.Eventually(t, "unhealthy: "+words[0], func() bool {
		healthy := false
		healthy, message = c.health(t)
		return !healthy && strings.Contains(message, words[0])
	})
	contains(t, "health", message, words...)
}
