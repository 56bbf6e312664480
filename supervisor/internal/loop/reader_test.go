// SPDX-License-Identifier: Apache-2.0

package loop

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
)

// reading runs only the reader of a node; the DCS is another installation's, so that nothing else writes to it.
func reading(t *testing.T) *node {
	t.Helper()
	n := newNode(t, "a", newRegister())
	n.dcs.put(core.KeyMember("b"), core.Member{Beat: 1})
	ctx, cancel := context.WithCancel(t.Context())
	n.lanes.start(func() { n.reader.run(ctx) })
	t.Cleanup(func() { cancel(); n.lanes.wait() })
	n.beat(1)
	return n
}

// beat waits until the picture shows b's beat, and returns how long that took.
func (n *node) beat(want uint64) time.Duration {
	n.t.Helper()
	began := time.Now()
	await(n.t, "beat in the picture", 10*time.Second, func() bool {
		v := n.view()
		return v != nil && v.Member("b").Value.Beat == want
	})
	return time.Since(began)
}

func (n *node) view() *core.View { return n.observation().View }

// Ensure changes are in the picture at once, removed keys too, without another read.
func TestWatchFeedsPicture(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := reading(t)
		reads := look(&n.dcs.mu, &n.dcs.reads)
		rev := n.dcs.put(core.KeyMember("b"), core.Member{Beat: 2})
		if took := n.beat(2); took > 10*time.Millisecond || look(&n.dcs.mu, &n.dcs.reads) != reads {
			t.Errorf("took %s and %d reads", took, look(&n.dcs.mu, &n.dcs.reads)-reads)
		}
		if v := n.view(); v.Revision != rev || v.Member("b").Rev != rev || v.SeenAt > n.clock() {
			t.Errorf("revision %d, want %d; seen at %d", v.Revision, rev, v.SeenAt)
		}
		n.dcs.put(core.KeyMember("b"), nil)
		await(t, "removal", 10*time.Millisecond, func() bool { return !n.view().Member("b").Exists() })
		n.dcs.put(core.KeyMember("b"), core.Member{Beat: 3})
		n.beat(3)
		if len(n.view().Members) != 1 || look(&n.dcs.mu, &n.dcs.reads) != reads {
			t.Errorf("members %v, %d reads", n.view().Members, look(&n.dcs.mu, &n.dcs.reads)-reads)
		}
	})
}

// Ensure a view that was handed out is never changed.
func TestViewsAreImmutable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := reading(t)
		old := n.view()
		n.dcs.put(core.KeyMember("a"), core.Member{})
		n.dcs.put(core.KeyMember("b"), core.Member{Beat: 2})
		n.beat(2)
		if len(old.Members) != 1 || old.Member("b").Value.Beat != 1 {
			t.Errorf("an old view now shows %v", old.Members)
		}
	})
}

// Ensure a read that comes back after a newer change does not turn the picture back, but proves that the DCS answers.
func TestOlderReadAfterNewerChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := reading(t)
		gate := make(chan struct{})
		n.dcs.set(func(r *register) { r.gate = gate })
		n.reader.ask()
		pass(10 * time.Millisecond) // the read has its picture, and is on its way
		rev := n.dcs.put(core.KeyMember("b"), core.Member{Beat: 2})
		n.beat(2)
		seen := n.view().SeenAt
		pass(100 * time.Millisecond)
		n.dcs.set(func(r *register) { r.gate = nil })
		close(gate)
		await(t, "the older read", time.Second, func() bool { return n.view().SeenAt > seen })
		if v := n.view(); v.Revision != rev || v.Member("b").Value.Beat != 2 {
			t.Errorf("revision %d, beat %d", v.Revision, v.Member("b").Value.Beat)
		}
	})
}

// Ensure a change that a read has shown already does not turn the picture back when its watch comes late.
func TestOlderChangeAfterNewerRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := reading(t)
		n.dcs.set(func(r *register) { r.stalled = true })
		n.dcs.put(core.KeyMember("b"), core.Member{Beat: 2})
		n.dcs.put(core.KeyMember("b"), core.Member{Beat: 3})
		n.reader.ask()
		n.beat(3)
		beats := []uint64{}
		n.dcs.set(func(r *register) { r.stalled = false })
		n.dcs.put(core.KeyMember("c"), core.Member{})
		await(t, "the late watch", time.Second, func() bool {
			beats = append(beats, n.view().Member("b").Value.Beat)
			return n.view().Member("c").Exists()
		})
		for _, b := range beats {
			if b != 3 {
				t.Errorf("beats %v", beats)
			}
		}
	})
}

// Ensure a watch that stands and says nothing does not blind: the periodic read finds what it missed.
func TestStalledWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := reading(t)
		n.dcs.set(func(r *register) { r.stalled = true })
		n.dcs.put(core.KeyMember("b"), core.Member{Beat: 2})
		if took := n.beat(2); took > n.reader.every()+20*time.Millisecond {
			t.Errorf("took %s, reads come every %s", took, n.reader.every())
		}
	})
}

// Ensure a watch that stands and says nothing costs no time in an election.
func TestStalledWatchInElection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := reading(t)
		n.dcs.set(func(r *register) { r.stalled = true })
		n.reader.hurry(true)
		for beat := uint64(2); beat < 5; beat++ {
			n.dcs.put(core.KeyMember("b"), core.Member{Beat: beat})
			if took := n.beat(beat); took > 130*time.Millisecond {
				t.Errorf("took %s", took)
			}
		}
		n.reader.hurry(false)
		pass(time.Second)
		reads := look(&n.dcs.mu, &n.dcs.reads)
		pass(10 * n.reader.every())
		if got := look(&n.dcs.mu, &n.dcs.reads) - reads; got > 11 {
			t.Errorf("%d reads afterwards", got)
		}
	})
}

// Ensure the DCS is not read while changes come, but for now and then.
func TestChangesPutReadsOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := reading(t)
		reads := look(&n.dcs.mu, &n.dcs.reads)
		began := time.Now()
		beat := uint64(1)
		for time.Since(began) < n.reader.seldom()-n.reader.every() {
			beat++
			n.dcs.put(core.KeyMember("b"), core.Member{Beat: beat})
			pass(n.reader.every() / 2)
		}
		if got := look(&n.dcs.mu, &n.dcs.reads) - reads; got != 0 {
			t.Errorf("%d reads while changes came", got)
		}
		for time.Since(began) < n.reader.seldom()+n.reader.every() {
			beat++
			n.dcs.put(core.KeyMember("b"), core.Member{Beat: beat})
			pass(n.reader.every() / 2)
		}
		if got := look(&n.dcs.mu, &n.dcs.reads) - reads; got != 1 {
			t.Errorf("%d reads in %s, want 1", got, time.Since(began))
		}
	})
}

// Ensure a watch that ends, however it does, is replaced by a read and a new one.
func TestWatchResumed(t *testing.T) {
	for name, why := range map[string]error{"error": errors.New("stream broke"), "end": nil} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := reading(t)
				n.dcs.endWatches(why)
				n.dcs.put(core.KeyMember("b"), core.Member{Beat: 2})
				if took := n.beat(2); took > 2*retryPause {
					t.Errorf("took %s", took)
				}
				pass(10 * time.Millisecond)
				reads, watches := n.dcs.counts()
				n.dcs.put(core.KeyMember("b"), core.Member{Beat: 3})
				if took := n.beat(3); took > 10*time.Millisecond || look(&n.dcs.mu, &n.dcs.watches) != watches || look(&n.dcs.mu, &n.dcs.reads) != reads {
					t.Errorf("the new watch does not feed: took %s, %d watches, %d reads", took, look(&n.dcs.mu, &n.dcs.watches)-watches, look(&n.dcs.mu, &n.dcs.reads)-reads)
				}
			})
		})
	}
}

// Ensure a watch from a revision that is gone goes on from a newer picture.
func TestCompactedHistory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := reading(t)
		n.dcs.set(func(r *register) { r.compacted = r.rev + 1 })
		n.dcs.endWatches(errors.New("stream broke"))
		pass(10 * time.Second)
		if look(&n.dcs.mu, &n.dcs.reads) > 10*12+5 {
			t.Errorf("%d reads in 10 s of refused watches", look(&n.dcs.mu, &n.dcs.reads))
		}
		n.dcs.put(core.KeyMember("b"), core.Member{Beat: 2})
		n.dcs.put(core.KeyMember("b"), core.Member{Beat: 3})
		n.beat(3)
		pass(time.Second)
		n.dcs.put(core.KeyMember("b"), core.Member{Beat: 4})
		if took := n.beat(4); took > 10*time.Millisecond {
			t.Errorf("took %s", took)
		}
	})
}

// Ensure an outage is noted once, that a hung read does not outlive its patience, and that the picture keeps its age.
func TestReadsFail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := reading(t)
		n.dcs.set(func(r *register) { r.fault = hangs })
		pass(10 * time.Second)
		if age := n.clock().Sub(n.view().SeenAt); age < 9*core.Second {
			t.Errorf("the picture claims to be %s old", age)
		}
		if n.journal.count("dcs does not answer") != 1 {
			t.Errorf("%d warnings", n.journal.count("dcs does not answer"))
		}
		n.dcs.set(func(r *register) { r.fault = works })
		pass(n.patience() + retryPause + 10*time.Millisecond)
		if age := n.clock().Sub(n.view().SeenAt); age > core.Second || n.journal.count("dcs answers again") != 1 {
			t.Errorf("%s after the end of the outage the picture is %s old", n.patience(), age)
		}
	})
}

// Ensure a record that cannot be read keeps its place and its revision.
func TestUnreadableRecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := reading(t)
		n.dcs.set(func(r *register) {
			r.apply(KeyValue{Key: prefix + core.KeyLeader, Value: []byte("{torn")}, KeyValue{Key: prefix + "strange/key", Value: []byte("x")})
		})
		await(t, "the record", time.Second, func() bool { return n.view().Leader.Exists() })
		if l := n.view().Leader; l.Rev != look(&n.dcs.mu, &n.dcs.rev) || l.Value.Holder != "" {
			t.Errorf("leader %+v", l)
		}
		if n.journal.count("record in the dcs cannot be read") == 0 {
			t.Error("not logged")
		}
	})
}
