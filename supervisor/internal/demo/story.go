// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pgvigil/pgvigil/supervisor/internal/lab"
	"github.com/pgvigil/pgvigil/supervisor/internal/lab/boottime"
)

// act is one scene of the story: something happens to the primary, and everything gets well again.
type act struct {
	title string
	demand
	// play does it, and returns once its immediate effect is over. The primary is the one before.
	play func(ctx context.Context, t *teller, s *stage, primary *lab.Node) error
	// absent tells whether that node stays down when the act is over.
	absent bool
}

// noise is what is no interruption: a busy machine makes a client wait that long by itself.
const noise = 500 * time.Millisecond

// acts are the story. With asynchronous durability the loss of a whole node may take longer than the ttl, and lose writes.
func acts(ttl time.Duration, durability string) []act {
	lost := demand{bound: ttl, leader: moves}
	if durability == async {
		lost = demand{bound: ttl + 2*time.Second, leader: moves, lossy: true}
	}
	return []act{
		{
			title:  "nothing happens for two seconds",
			demand: demand{bound: noise, leader: stays},
			play: func(ctx context.Context, _ *teller, _ *stage, _ *lab.Node) error {
				return pause(ctx, 2*time.Second)
			},
		},
		{title: "the postmaster of the primary is killed (kill -9)", demand: demand{bound: ttl}, play: killPostmaster},
		{title: "switchover", demand: demand{bound: ttl, leader: moves}, play: switchover},
		{title: "the supervisor of the primary is killed (kill -9) and started again", demand: demand{bound: noise, leader: stays}, play: restartSupervisor},
		{
			title:  "the whole node of the primary is killed: PostgreSQL, supervisor, plugins, etcd",
			demand: lost,
			play:   killNode, absent: true,
		},
		{title: "the node comes back", demand: demand{bound: noise, leader: stays}, play: revive},
	}
}

func killPostmaster(ctx context.Context, t *teller, s *stage, primary *lab.Node) error {
	pid, err := primary.Postmaster()
	if err != nil {
		return err
	}
	t.say("  kill -9 %d, the postmaster of %s", pid, primary.Name)
	if err := primary.KillPostmaster(); err != nil {
		return err
	}
	return s.writesAgain(ctx)
}

func switchover(ctx context.Context, t *teller, s *stage, primary *lab.Node) error {
	target := s.Except(primary)[0]
	t.say("  switchover from %s to %s", primary.Name, target.Name)
	if err := primary.Switchover(ctx, target); err != nil {
		return err
	}
	return until(ctx, target.Name+" leads", func(ctx context.Context) bool {
		yes, err := target.IsPrimary(ctx)
		return err == nil && yes
	})
}

func restartSupervisor(ctx context.Context, t *teller, s *stage, primary *lab.Node) error {
	before, err := primary.Postmaster()
	if err != nil {
		return err
	}
	t.say("  kill -9 %d, the supervisor of %s; it is started again after %s", primary.SupervisorPID(), primary.Name, restartDelay)
	if err := primary.KillSupervisor(); err != nil {
		return err
	}
	if err := pause(ctx, restartDelay); err != nil {
		return err
	}
	if err := primary.StartSupervisor(); err != nil {
		return err
	}
	if err := until(ctx, "the supervisor holds the leadership again", func(ctx context.Context) bool {
		_, holds := primary.Epoch(ctx)
		return holds
	}); err != nil {
		return err
	}
	after, err := primary.Postmaster()
	if err == nil && before != after {
		err = fmt.Errorf("PostgreSQL was restarted with it (process %d, now %d)", before, after)
	}
	return err
}

// restartDelay is how long a dead supervisor stays so, as under systemd.
const restartDelay = 500 * time.Millisecond

func killNode(ctx context.Context, t *teller, s *stage, primary *lab.Node) error {
	t.say("  kill -9 of all %d processes of %s", len(primary.Processes()), primary.Name)
	if err := primary.KillHost(); err != nil {
		return err
	}
	if err := until(ctx, "another node leads", func(ctx context.Context) bool {
		now, err := s.Primary(ctx)
		return err == nil && now != primary
	}); err != nil {
		return err
	}
	return s.writesAgain(ctx)
}

// revive starts the node that is down.
func revive(_ context.Context, t *teller, s *stage, primary *lab.Node) error {
	n := s.down(primary)
	if n == nil {
		return errors.New("no node is down")
	}
	t.say("  starting %s again", n.Name)
	return n.StartHost()
}

// writesAgain waits until every client's writes that are sent from now on are acknowledged. A fault that was played
// shortly before has by then shown whether it interrupts them.
func (s *stage) writesAgain(ctx context.Context) error {
	if err := pause(ctx, 500*time.Millisecond); err != nil {
		return err
	}
	return s.flowing(ctx)
}

// flowing waits until every client is served: since some instant a number of writes were acknowledged, and nobody had to
// wait for long.
func (s *stage) flowing(ctx context.Context) error {
	since := boottime.Now()
	return until(ctx, "every client's writes are acknowledged again", func(context.Context) bool {
		if s.book.AckedAfter(since) >= 20*clients && s.book.Gap(since) < noise {
			return true
		}
		if s.book.Gap(since) >= noise && s.book.AckedAfter(since) > 0 {
			since = boottime.Now()
		}
		return false
	})
}
