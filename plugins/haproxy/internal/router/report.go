// SPDX-License-Identifier: Apache-2.0

package router

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/pgvigil/pgvigil/plugins/haproxy/internal/admin"
)

// adminLevel is the level a socket must have.
const adminLevel = "admin"

// report is what was found at one HAProxy.
type report struct {
	// problems to be solved, each with what to change.
	problems []string
	// summary of what it is and who is up.
	summary string
}

// examine compares HAProxy with what is configured and was applied. It changes nothing and waits for no push.
func (i *instance) examine(ctx context.Context) report {
	o, _ := i.router.latest()
	state, err := i.socket.Look(ctx)
	if err != nil {
		return report{problems: []string{err.Error()}}
	}
	return report{problems: append(i.obstacles(o, state), i.gaps(o, state)...), summary: i.summary(o, state)}
}

// obstacles are problems that keep routes from being pushed.
func (i *instance) obstacles(o order, state admin.State) []string {
	var found []string
	if state.Level != adminLevel {
		found = append(found, fmt.Sprintf("%s has level %s: write \"level admin\" into its \"stats socket\" line",
			i.socket, state.Level))
	}
	for attribute, backend := range o.backends() {
		if !slices.Contains(state.Backends, backend) {
			found = append(found, fmt.Sprintf("HAProxy behind %s has no backend %q: "+
				"add it to HAProxy's configuration, or set %s to one it has (%s)",
				i.socket, backend, attribute, strings.Join(state.Backends, ", ")))
		}
	}
	return found
}

// gaps are problems that keep a server or a member from being part of it.
func (i *instance) gaps(o order, state admin.State) []string {
	var found []string
	for _, backend := range o.backends() {
		if !slices.Contains(state.Backends, backend) {
			continue
		}
		servers := in(state.Servers, backend)
		if unchecked := names(servers, func(s admin.Server) bool { return !s.Checked }); unchecked != "" {
			found = append(found, fmt.Sprintf("servers without a health check that is on are left alone, in %s behind %s: %s: "+
				"add \"check port 8008\" to their lines",
				backend, i.socket, unchecked))
		}
		for _, e := range o.members() {
			if _, ok := serverOf(servers, e); !ok {
				found = append(found, i.missing(backend, e))
			}
		}
		if o.lacksExpected(servers) {
			found = append(found, fmt.Sprintf("HAProxy behind %s has no server for this member, %s: "+
				"add \"server %s ADDRESS:PORT check port 8008\" to %s", i.socket, o.expected, o.expected, backend))
		}
	}
	return found
}

// missing tells what to add for a member that has no server in a backend.
func (i *instance) missing(backend string, e *endpoint) string {
	problem := fmt.Sprintf("HAProxy behind %s has no server for member %s: add \"server %s %s check port 8008\" to %s",
		i.socket, e.GetName(), e.GetName(), address(e), backend)
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.refused != "" {
		problem += "; at run time, " + i.refused
	}
	return problem
}

// summary names the servers that are up.
func (i *instance) summary(o order, state admin.State) string {
	out := "HAProxy " + state.Version + " at " + string(i.socket)
	for _, backend := range o.backends() {
		up := names(in(state.Servers, backend), func(s admin.Server) bool { return s.Up && !s.Maintenance })
		out += fmt.Sprintf(", %s: %s up", backend, cmp.Or(up, "nobody"))
	}
	return out
}

// names of the servers that are so.
func names(servers []admin.Server, are func(admin.Server) bool) string {
	var names []string
	for _, s := range servers {
		if are(s) {
			names = append(names, s.Name)
		}
	}
	return strings.Join(names, " ")
}
