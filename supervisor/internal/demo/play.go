// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"fmt"
	"time"

	"github.com/pgvigil/pgvigil/supervisor/internal/api"
	"github.com/pgvigil/pgvigil/supervisor/internal/lab"
	"github.com/pgvigil/pgvigil/supervisor/internal/lab/boottime"
)

// actPatience is how long an act may take until all is well.
const actPatience = 40 * time.Second

// play plays the story and returns nil if everything was as it should be.
func play(ctx context.Context, t *teller, s *stage) error {
	begin := time.Now()
	list := acts(s.ttl, s.Durability())
	var outcomes []outcome
	var since boottime.Instant
	for _, a := range list {
		o, err := s.perform(ctx, t, a, since)
		if err != nil {
			t.say("FAIL: %v", err)
			return ErrFailed
		}
		outcomes, since = append(outcomes, o), o.end
	}
	faults, err := s.audit(ctx, t, list, outcomes)
	if err != nil {
		return fmt.Errorf("verify the writes: %w", err)
	}
	return verdict(t, faults, time.Since(begin))
}

// verdict tells how the story went.
func verdict(t *teller, faults []string, took time.Duration) error {
	for _, fault := range faults {
		t.say("FAIL: %s", fault)
	}
	if len(faults) > 0 {
		return ErrFailed
	}
	t.say("PASS: everything was as it should be (%d s)", int(took.Seconds()))
	return nil
}

// perform plays one act and waits until the cluster is well. What is not as demanded is told here and counted in audit.
func (s *stage) perform(ctx context.Context, t *teller, a act, since boottime.Instant) (outcome, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, actPatience, fmt.Errorf("not within %s", actPatience))
	defer cancel()
	t.say("%s", a.title)
	wall := time.Now()
	primary, err := s.WaitPrimary(ctx)
	if err != nil {
		return outcome{}, err
	}
	o := outcome{since: since, before: primary.Name, begin: s.setMark()}
	if err := a.play(ctx, t, s, primary); err != nil {
		return o, err
	}
	var without []*lab.Node
	if a.absent {
		without = append(without, primary)
	}
	if err := s.settle(ctx, without...); err != nil {
		return o, err
	}
	after, err := s.WaitPrimary(ctx)
	if err != nil {
		return o, err
	}
	o.after, o.gap, o.end = after.Name, s.book.Gap(o.begin), boottime.Now()
	t.say("  %s leads, all well after %.1f s; longest time without an acknowledged write: %d ms, allowed %d ms", o.after,
		o.end.Sub(o.begin).Seconds(), o.gap.Milliseconds(), a.bound.Milliseconds())
	o.leaderships = s.tellWhy(ctx, t, after, wall)
	return o, nil
}

// settle waits until the cluster has been well for a second, and every client is served. A standby that looks well may
// turn out a moment later to need a rewind.
func (s *stage) settle(ctx context.Context, without ...*lab.Node) error {
	const looks, between = 4, 250 * time.Millisecond
	for well := 0; well < looks; {
		begin := time.Now()
		if err := s.WaitHealthy(ctx, without...); err != nil {
			return err
		}
		if well++; time.Since(begin) > between {
			well = 1
		}
		if err := pause(ctx, between); err != nil {
			return err
		}
	}
	return s.flowing(ctx)
}

// tellWhy tells the leaderships that began during the act, and the rules that gave them; it returns how many.
func (s *stage) tellWhy(ctx context.Context, t *teller, leader *lab.Node, since time.Time) int {
	list := get[api.HistoryList](ctx, leader, "/v1/history")
	if list == nil {
		return 0
	}
	count := 0
	for _, l := range list.History {
		if at, err := time.Parse(time.RFC3339Nano, l.At); err == nil && at.After(since) {
			count++
			t.say("  epoch %d: %s leads on timeline %d by rule %s: %s", l.Epoch, l.Leader, l.Timeline, l.Rule, l.Reason)
		}
	}
	return count
}

// audit stops the writers and compares what was acknowledged with what every node holds. It returns all that was not as
// demanded.
func (s *stage) audit(ctx context.Context, t *teller, list []act, outcomes []outcome) ([]string, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, actPatience, fmt.Errorf("not within %s", actPatience))
	defer cancel()
	t.say("the writers stop; every acknowledged write is looked up on every node")
	if err := s.rest(); err != nil {
		return nil, err
	}
	found, err := s.inspect(ctx)
	if err != nil {
		return nil, err
	}
	t.say("  %s", found.report)
	t.say("  %d rows on each of %d nodes", found.rows, len(s.Nodes))
	for i, o := range outcomes {
		lost := o.during(found.lost())
		t.say("  %-66s gap %4d ms of %4d ms, %d lost", shorten(list[i].title, 66), o.gap.Milliseconds(), list[i].bound.Milliseconds(), len(lost))
	}
	return append(found.faults(list, outcomes), s.watched(t)...), nil
}

// watched tells what the watch saw.
func (s *stage) watched(t *teller) []string {
	bad := s.violations()
	if len(bad) == 0 {
		t.say("  never two writable primaries at one time, nor in one epoch, nor on one timeline")
	}
	return bad
}
