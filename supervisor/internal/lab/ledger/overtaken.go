// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"cmp"
	"slices"

	"github.com/pgvigil/pgvigil/supervisor/internal/lab/boottime"
)

// Overtaken are the acknowledgements that a replaced primary gave for certain after a newer one had acknowledged a write: they were
// sent on an older timeline when the answer from a newer one was there already. There must be none, whatever the durability.
func (l *Ledger) Overtaken() []Entry {
	var acked []Entry
	for _, entries := range l.snapshot() {
		for _, e := range entries {
			if e.Outcome == Acknowledged && e.Timeline != 0 {
				acked = append(acked, e)
			}
		}
	}
	return overtaken(acked)
}

// Opened is when the first acknowledgement of a timeline newer than the given one came; false when none has.
func (l *Ledger) Opened(after uint32) (first boottime.Instant, ok bool) {
	for _, entries := range l.snapshot() {
		for _, e := range entries {
			if e.Outcome == Acknowledged && e.Timeline > after && (!ok || e.At < first) {
				first, ok = e.At, true
			}
		}
	}
	return first, ok
}

// Newest is the newest timeline that acknowledged a write.
func (l *Ledger) Newest() (newest uint32) {
	for _, entries := range l.snapshot() {
		for _, e := range entries {
			if e.Outcome == Acknowledged {
				newest = max(newest, e.Timeline)
			}
		}
	}
	return newest
}

func overtaken(acked []Entry) (found []Entry) {
	slices.SortFunc(acked, func(a, b Entry) int { return cmp.Compare(b.Timeline, a.Timeline) })
	// newer is the first answer from a timeline newer than the one looked at, same that from one as new or newer.
	var newer, same boottime.Instant
	for i, e := range acked {
		if i > 0 && e.Timeline != acked[i-1].Timeline {
			newer = same
		}
		if newer != 0 && e.Sent > newer {
			found = append(found, e)
		}
		if same == 0 || e.At < same {
			same = e.At
		}
	}
	return found
}
