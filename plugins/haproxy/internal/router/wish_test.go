// SPDX-License-Identifier: Apache-2.0

package router

import (
	"slices"
	"testing"

	"github.com/pgvigil/pgvigil/plugins/haproxy/internal/admin"
	"github.com/pgvigil/pgvigil/plugins/haproxy/internal/conf"
)

// TestSteps: what routes make of servers that are all up.
func TestSteps(t *testing.T) {
	m1 := &endpoint{Name: "m1", Host: "10.0.0.1", Port: 5432}
	m2 := &endpoint{Name: "m2", Host: "10.0.0.2", Port: 5432}
	body := conf.Body{PrimaryBackend: "w", ReplicaBackend: "r", CutPrimary: true}
	server := func(backend, name, addr string, port int) admin.Server {
		return admin.Server{Backend: backend, Name: name, Addr: addr, FQDN: "-", Port: port}
	}
	tests := map[string]struct {
		servers []admin.Server
		routes  *routes
		want    []string
	}{
		"the new one goes up after the old went down": {
			servers: []admin.Server{server("w", "m1", "", 0), {Backend: "w", Name: "m2", Up: true}},
			routes:  &routes{Primary: m1},
			want:    []string{"set server w/m2 health down", "shutdown sessions server w/m2", "set server w/m1 health up"},
		},
		"downs of both backends before any up": {
			servers: []admin.Server{server("w", "m1", "", 0), {Backend: "r", Name: "m1", Up: true}, server("r", "m2", "", 0)},
			routes:  &routes{Replicas: []*endpoint{m2}},
			want:    []string{"shutdown sessions server w/m1", "set server r/m1 health down", "set server r/m2 health up"},
		},
		"by address where the name says nothing": {
			servers: []admin.Server{
				server("w", "a", "10.0.0.9", 5432), server("w", "b", "10.0.0.1", 5432), server("w", "c", "10.0.0.1", 6432),
			},
			routes: &routes{Primary: m1},
			want:   []string{"shutdown sessions server w/a", "shutdown sessions server w/c", "set server w/b health up"},
		},
		"by host name": {
			servers: []admin.Server{{Backend: "w", Name: "a", Addr: "10.0.0.1", FQDN: "db1.Example", Port: 5432}},
			routes:  &routes{Primary: &endpoint{Name: "m1", Host: "db1.example", Port: 5432}},
			want:    []string{"set server w/a health up"},
		},
		"the name goes before the address": {
			servers: []admin.Server{server("w", "m2", "10.0.0.1", 5432), server("w", "m1", "10.0.0.7", 6432)},
			routes:  &routes{Primary: m1},
			want:    []string{"shutdown sessions server w/m2", "set server w/m1 health up"},
		},
		"a primary without a server": {
			servers: []admin.Server{{Backend: "w", Name: "m2", Up: true}},
			routes:  &routes{Primary: m1},
			want:    []string{"set server w/m2 health down", "shutdown sessions server w/m2"},
		},
		"the primary among the replicas is left to its check": {
			servers: []admin.Server{{Backend: "r", Name: "m1", Up: true}, {Backend: "r", Name: "m2", Up: true}},
			routes:  &routes{Primary: m1},
			want:    []string{"set server r/m2 health down"},
		},
		"other backends are none of ours": {
			servers: []admin.Server{{Backend: "x", Name: "m1", Up: true}},
			routes:  &routes{Primary: m1},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, s := range (order{body, test.routes, ""}).steps(test.servers) {
				got = append(got, s.commands()...)
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
		})
	}
}
