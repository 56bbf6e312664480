// SPDX-License-Identifier: Apache-2.0

package dcsserver

import (
	"strings"
	"testing"
	"time"
)

func TestValidate(t *testing.T) {
	good := func() Config {
		return Config{
			Cluster: "demo", Name: "a", DataDir: "/var/lib/pgvigil/etcd",
			ListenClient: "http://10.0.0.1:2379", ListenPeer: "http://0.0.0.0:2380",
			Members: map[string]string{"a": "http://10.0.0.1:2380", "b": "http://10.0.0.2:2380"},
		}
	}
	if err := good().Validate(); err != nil {
		t.Errorf("good: %v", err)
	}
	for _, test := range []struct {
		want   string
		change func(*Config)
	}{
		{"no name", func(c *Config) { c.Cluster = "" }},
		{"not an absolute path", func(c *Config) { c.DataDir = "etcd" }},
		{"0 members", func(c *Config) { c.Members = nil }},
		{"not among the members", func(c *Config) { c.Name = "z" }},
		{"less than five heartbeats", func(c *Config) { c.Heartbeat = 200 * time.Millisecond }},
		{"scheme, host and port", func(c *Config) { c.ListenClient = "http://10.0.0.1" }},
		{"neither http nor https", func(c *Config) { c.ListenPeer = "tcp://10.0.0.1:1" }},
		{"https without a certificate", func(c *Config) { c.ListenClient = "https://10.0.0.1:2379" }},
		{"http with a certificate", func(c *Config) { c.PeerTLS = &TLS{} }},
	} {
		c := good()
		test.change(&c)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("got %v, want %q", err, test.want)
		}
	}
}

func TestClientURL(t *testing.T) {
	c := Config{ListenClient: "https://0.0.0.0:12379", Members: map[string]string{"a": "http://10.0.0.1:2380", "b": "http://[fd00::2]:2380"}}
	for name, want := range map[string]string{"a": "https://10.0.0.1:12379", "b": "https://[fd00::2]:12379"} {
		if u := c.clientURL(name); u.String() != want {
			t.Errorf("%s: got %s, want %s", name, u.String(), want)
		}
	}
}

func TestStanding(t *testing.T) {
	c := Config{Name: "a", Members: map[string]string{"a": "http://a:2380", "b": "http://b:2380"}}
	b := peerEntry{"b", []string{"http://b:2380"}, []string{"http://b:2379"}}
	for name, test := range map[string]struct {
		want  place
		views [][]peerEntry
	}{
		"nobody answers":         {founder, nil},
		"expected":               {founder, [][]peerEntry{{b, {"a", []string{"http://a:2380"}, nil}}}},
		"served before":          {lost, [][]peerEntry{{b, {"a", []string{"http://a:2380"}, []string{"http://a:2379"}}}}},
		"one view is behind":     {lost, [][]peerEntry{{b, {"a", []string{"http://a:2380"}, nil}}, {b, {"a", []string{"http://a:2380"}, []string{"http://a:2379"}}}}},
		"served, at another URL": {lost, [][]peerEntry{{b, {"a", []string{"http://old:2380"}, []string{"http://old:2379"}}}}},
		"added, not started":     {admitted, [][]peerEntry{{b, {"", []string{"http://a:2380"}, nil}}}},
		"not a member":           {absent, [][]peerEntry{{b}}},
	} {
		if got := standing(c, test.views); got != test.want {
			t.Errorf("%s: got %d, want %d", name, got, test.want)
		}
	}
}
