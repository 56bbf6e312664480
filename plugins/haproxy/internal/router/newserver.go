// SPDX-License-Identifier: Apache-2.0

package router

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pgvigil/pgvigil/plugins/haproxy/internal/admin"
	"github.com/pgvigil/pgvigil/plugins/haproxy/internal/conf"
)

// absence is how long a member must have been away before a server that was added for it is removed. It is
// added again when the member is back.
const absence = time.Minute

// staff adds servers for members that have none, removes those it added for members that went away, and tells
// whether it did any of it. What HAProxy refuses is told by Health.
func (i *instance) staff(ctx context.Context, o order, state admin.State) (changed bool) {
	if o.body.NewServer == "" {
		return false
	}
	refused := ""
	changed = i.dismiss(ctx, o)
	for _, backend := range o.backends() {
		for _, e := range o.members() {
			if _, ok := serverOf(in(state.Servers, backend), e); ok || !slices.Contains(state.Backends, backend) {
				continue
			}
			if err := i.add(ctx, o, backend, e); err != nil {
				refused = err.Error()
			} else {
				changed = true
			}
		}
	}
	i.refuse(refused)
	return changed
}

// add adds a server that is down until its check or a wish says otherwise.
func (i *instance) add(ctx context.Context, o order, backend string, e *endpoint) error {
	if _, err := netip.ParseAddr(e.GetHost()); err != nil || !conf.Name(e.GetName()) {
		return fmt.Errorf("only servers with an address are added, not %s", e.GetHost())
	}
	name := backend + "/" + e.GetName()
	answers, err := i.socket.Run(ctx, "add server "+name+" "+address(e)+" "+o.body.NewServer)
	if err == nil && !strings.Contains(answers[0], "registered") {
		err = fmt.Errorf("HAProxy refused \"add server\": %s", answers[0])
	}
	if err == nil {
		_, err = i.socket.Run(ctx, "enable health "+name, "set server "+name+" state ready", "set server "+name+" health down")
	}
	if err == nil {
		i.added[name] = time.Now()
	}
	return err
}

// dismiss removes servers that were added for members that are gone for long, and tells whether it tried.
func (i *instance) dismiss(ctx context.Context, o order) (changed bool) {
	for name, seen := range i.added {
		_, member, _ := strings.Cut(name, "/")
		switch {
		case slices.ContainsFunc(o.members(), func(e *endpoint) bool { return e.GetName() == member }):
			i.added[name] = time.Now()
		case time.Since(seen) > absence:
			i.remove(ctx, name)
			changed = true
		}
	}
	return changed
}

// remove deletes a server, which HAProxy does in maintenance and without connections only.
func (i *instance) remove(ctx context.Context, name string) {
	answers, err := i.socket.Run(ctx, "set server "+name+" state maint", "shutdown sessions server "+name, "del server "+name)
	if err == nil && strings.Contains(answers[2], "deleted") {
		delete(i.added, name)
		return
	}
	// Its member may come back before the next try.
	_, _ = i.socket.Run(ctx, "set server "+name+" state ready", "set server "+name+" health down")
}

func (i *instance) refuse(why string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.refused = why
}

// address of a member as HAProxy reads it.
func address(e *endpoint) string {
	return net.JoinHostPort(e.GetHost(), strconv.Itoa(int(e.GetPort())))
}
