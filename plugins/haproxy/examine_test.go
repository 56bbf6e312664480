// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"

	"github.com/pgvigil/pgvigil/plugins/haproxy/internal/haproxytest"
	"github.com/pgvigil/pgvigil/plugins/sdk/plugintest"
	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
)

// examined is the plugin, configured only to look.
func examined(t *testing.T, body map[string]any) *client {
	t.Helper()
	conn := plugintest.InProcess(t, plugin())
	plugintest.Examine(t, conn, body)
	return &client{conn, pluginv1.NewRouterClient(conn), pluginv1.NewBaseClient(conn)}
}

// TestExamine: what doctor is told of a real HAProxy without any routes, and that it is told when all is well.
func TestExamine(t *testing.T) {
	m1, m2 := silent(t, "m1"), silent(t, "m2")
	good := sections(noChecks, m1, m2)
	for name, f := range map[string]struct {
		level, from, to string
		words           []string
	}{
		"well":  {},
		"level": {level: "user", words: []string{`"level admin"`}},
		"unknown backend": {from: "listen primary\n", to: "listen writes\n",
			words: []string{`no backend "primary"`, "set primary_backend"}},
		"unknown server": {from: "server m1 ", to: "server pg1 ",
			words: []string{"no server for this member, m1", `add "server m1 ADDRESS:PORT check port 8008" to primary`}},
	} {
		t.Run(name, func(t *testing.T) {
			level, bad := f.level, good
			if level == "" {
				level = "admin"
			}
			if f.from != "" {
				bad = strings.ReplaceAll(good, f.from, f.to)
			}
			h := haproxytest.New(t, haproxytest.Installed(t), level, bad)
			h.Start(t)
			before := h.Up(t)
			c := examined(t, bodyFor(h))
			if f.words == nil {
				c.healthy(t)
			} else {
				c.unhealthy(t, f.words...)
			}
			if after := h.Up(t); after != before {
				t.Errorf("up before: %s, after: %s", before, after)
			}
		})
	}
}

// TestExamineFile: a file that could not be kept is told before there are routes.
func TestExamineFile(t *testing.T) {
	m1 := silent(t, "m1")
	h := haproxytest.Start(t, haproxytest.Installed(t), sections(noChecks, m1))
	for path, words := range map[string]string{
		h.Dir + "/missing/pgvigil.cfg": "let the user of pgvigild write into this directory",
		h.Dir + "/haproxy.cfg":         "is not pgvigil's",
	} {
		body := bodyFor(h)
		body["config_file"] = map[string]any{
			"path": path, "primary_bind": "*:5000", "replica_bind": "*:5001", "reload": []string{"true"}, "main": []string{},
		}
		examined(t, body).unhealthy(t, words)
	}
}
