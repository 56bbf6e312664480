// SPDX-License-Identifier: Apache-2.0

package observe

import (
	"context"
	"time"

	"github.com/pgvigil/pgvigil/plugins/postgres/internal/config"
	"github.com/pgvigil/pgvigil/plugins/postgres/internal/datadir"
	"github.com/pgvigil/pgvigil/plugins/postgres/internal/proc"
)

// Run watches until ctx ends.
func (o *Observer) Run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	defer o.leave()
	for {
		select {
		case <-ctx.Done():
			return
		case r := <-o.probe.replies:
			o.probe.busy = false
			o.hear(r)
			o.seen.shown = o.seen.asked
			o.picture(o.seen.shown)
			if o.again {
				o.look(ctx)
			}
		case <-timer.C:
			if o.probe.busy {
				o.overdue() // show what can be proven
			}
			o.look(ctx)
		case <-o.wake:
			o.look(ctx)
		case <-o.seen.gone():
			o.look(ctx)
		case <-o.receiver.gone():
			o.receiver.watch(0)
			o.look(ctx)
		}
		timer.Reset(o.senders.soon(o.pace(time.Since(o.seen.statusSince))))
	}
}

// overdue publishes a picture while a reply is awaited. It is as old as the last reply, or as the first sight of the server.
func (o *Observer) overdue() {
	began := o.seen.shown
	if began.IsZero() {
		began = o.seen.since
	}
	o.picture(began)
}

// leave ends the watches and the connection.
func (o *Observer) leave() {
	o.seen.close()
	o.receiver.watch(0)
	o.senders.close()
	if o.probe.busy {
		<-o.probe.replies
	}
	o.probe.drop()
}

// look finds out whether a server runs. It publishes a picture when it can tell without asking the
// server, and otherwise asks; the picture then follows the reply. While a reply is awaited it notes that
// another question is to follow.
func (o *Observer) look(ctx context.Context) {
	c, began := o.source.Config(), now()
	if c == nil {
		return
	}
	server, running, err := datadir.FindPostmaster(c.DataDir)
	switch {
	case err != nil:
		o.publish(unknown(c, err), began)
	case !running:
		o.seen.close()
		o.seen = seen{statusSince: o.seen.statusSince, status: o.seen.status}
		o.receiver.watch(0)
		o.senders.close()
		o.publishAt(o.stoppedPicture(ctx, c), began)
	default:
		o.adopt(c, server)
		o.ask(ctx, c, began)
	}
}

func (o *Observer) ask(ctx context.Context, c *config.Config, began moment) {
	o.again = o.probe.busy
	if o.probe.busy {
		return
	}
	pending := o.takeRecheck() || time.Since(o.seen.pendingAt) > pendingEvery
	o.seen.asked = began
	o.probe.ask(ctx, c, o.seen.server, pending)
}

// adopt makes a server the one that is watched, unless it is already.
func (o *Observer) adopt(c *config.Config, server datadir.Postmaster) {
	if o.seen.server.PID == server.PID && o.seen.server.StartTicks == server.StartTicks {
		o.seen.server = server
		o.seen.findLauncher(c)
		return
	}
	o.seen.close()
	since := now()
	o.seen = seen{server: server, exit: proc.WatchExit(server.PID), since: since, heard: since.Time, statusSince: since.Time}
	o.seen.findLauncher(c)
}
