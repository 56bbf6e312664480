// SPDX-License-Identifier: Apache-2.0

package modelcheck

import (
	"fmt"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
)

// ledger is what was promised to clients, and what of the bounds is used up.
type ledger struct {
	// acked are the commits that were acknowledged, or could have been, by epoch.
	acked [maxEpochs]uint8
	// opened are the epochs that opened for writes, with who opened them and what it had, the last one first.
	opened [maxOpened]opened
	// lossy is the epoch in which an operator accepts that commits are lost; 0 for none.
	lossy core.Epoch

	commits, crashes, lost, renewals, deadlines, absences, votes, repairs, suspicions, returns uint8
}

const (
	// maxOpened is how many openings a ledger keeps.
	maxOpened = 4
	maxEpochs = 8
)

// before are the commits acknowledged in earlier epochs.
func (l *ledger) before(e core.Epoch) uint8 {
	var set uint8
	for _, acked := range l.acked[:e] {
		set |= acked
	}
	return set
}

// opened is a primary as it opened; epoch 0 is none.
type opened struct {
	epoch    core.Epoch
	timeline core.Timeline
	node     uint8
	had      uint8
}

// open notes that a primary opens on a timeline. It returns what is wrong with it.
func (l *ledger) open(e core.Epoch, i int, w wal, tl core.Timeline) string {
	had := w.commits()
	for _, o := range l.opened {
		if o.epoch == e && int(o.node) != i {
			return fmt.Sprintf("I1: epoch %d opens on %s and on %s", e, names[o.node], names[i])
		}
		if o.epoch != 0 && o.timeline == tl {
			return fmt.Sprintf("I7: timeline %d is opened in epoch %d and in epoch %d", tl, o.epoch, e)
		}
	}
	if l.lossy == e {
		for i := range l.acked {
			l.acked[i] &= had
		}
	}
	copy(l.opened[1:], l.opened[:])
	l.opened[0] = opened{e, tl, uint8(i), had}
	if missing := l.before(e) &^ had; missing != 0 {
		return fmt.Sprintf("I2: %s opens in epoch %d without acknowledged commits: it has %s", names[i], e, w)
	}
	return ""
}

// excused: what is acknowledged in the epoch is what an operator accepts to lose, because another opened with force.
func (l *ledger) excused(e core.Epoch) bool {
	for _, o := range l.opened {
		if o.epoch != 0 && o.epoch == l.lossy {
			return e < l.lossy
		}
	}
	return false
}

// ack notes that commits may have been acknowledged by a node in its epoch.
func (l *ledger) ack(e core.Epoch, i int, set uint8) string {
	if l.excused(e) {
		return ""
	}
	l.acked[e] |= set
	for _, o := range l.opened {
		if o.epoch > e && set&^o.had != 0 {
			return fmt.Sprintf("I6: %s acknowledges in epoch %d what %s, open in epoch %d, lacks", names[i], e, names[o.node], o.epoch)
		}
	}
	return ""
}
