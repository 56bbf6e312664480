// SPDX-License-Identifier: Apache-2.0

package observe

import (
	"maps"
	"slices"
	"time"

	"github.com/pgvigil/pgvigil/plugins/postgres/internal/proc"
	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
)

// senderWatch looks after the walsenders: one that ends wakes the observer at once, and one that is to come, because its
// slot waits, or is to stream, because it catches up, is looked for often at first. It belongs to Run.
type senderWatch struct {
	exits map[int]*proc.Exit
	// restless is whether another change is to come, since when the last one was.
	restless bool
	since    time.Time
}

// note takes in which walsenders there are, and who should have one; ended is called when one ends.
func (w *senderWatch) note(pids []int, senders []*pluginv1.Sender, slots []string, slotOf func(string) string, ended func()) {
	if !slices.Equal(slices.Sorted(maps.Keys(w.exits)), slices.Sorted(slices.Values(pids))) || w.since.IsZero() {
		w.since = time.Now()
	}
	if w.exits == nil {
		w.exits = map[int]*proc.Exit{}
	}
	for pid, e := range w.exits {
		if !slices.Contains(pids, pid) {
			e.Close()
			delete(w.exits, pid)
		}
	}
	for _, pid := range pids {
		if w.exits[pid] == nil {
			e := proc.WatchExit(pid)
			w.exits[pid] = e
			go e.Then(ended)
		}
	}
	w.restless = !allStream(senders, slots, slotOf)
}

// allStream tells whether every sender streams, and every slot has one.
func allStream(senders []*pluginv1.Sender, slots []string, slotOf func(string) string) bool {
	var served []string
	for _, s := range senders {
		if s.GetState() != "streaming" {
			return false
		}
		served = append(served, slotOf(s.GetMember()))
	}
	return !slices.ContainsFunc(slots, func(n string) bool { return !slices.Contains(served, n) })
}

// soon is when to look again, given when it would be done anyway.
func (w *senderWatch) soon(wait time.Duration) time.Duration {
	if !w.restless {
		return wait
	}
	return min(wait, max(fast, time.Since(w.since)/10))
}

// close ends the watches.
func (w *senderWatch) close() {
	for _, e := range w.exits {
		e.Close()
	}
	*w = senderWatch{}
}
