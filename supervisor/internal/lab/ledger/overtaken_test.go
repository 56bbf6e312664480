// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"testing"

	"github.com/pgvigil/pgvigil/supervisor/internal/lab/boottime"
)

func TestOvertakenIsWhatAnOlderTimelineCertainlyAcknowledgedLater(t *testing.T) {
	ack := func(timeline uint32, sent, at boottime.Instant) Entry {
		return Entry{Outcome: Acknowledged, Timeline: timeline, Sent: sent, At: at}
	}
	cases := []struct {
		name    string
		entries []Entry
		want    int
	}{
		{"one after the other", []Entry{ack(1, 10, 20), ack(2, 30, 40), ack(2, 50, 60)}, 0},
		{"sent before, answered after, which proves nothing", []Entry{ack(1, 35, 90), ack(2, 30, 40)}, 0},
		{"sent after the newer one's answer", []Entry{ack(1, 41, 50), ack(2, 30, 40)}, 1},
		{"the first answer of the newer one counts", []Entry{ack(1, 41, 50), ack(2, 60, 70), ack(2, 30, 40)}, 1},
		{"two timelines newer", []Entry{ack(1, 41, 50), ack(2, 60, 70), ack(5, 30, 40)}, 2},
		{"of another client the answer is unknown", []Entry{ack(1, 41, 50), {Outcome: Unknown, Timeline: 2, Sent: 30, At: 40}}, 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			book := New(1, nil)
			for _, e := range c.entries {
				book.Record(e)
			}
			if got := book.Overtaken(); len(got) != c.want {
				t.Errorf("overtaken: %v, want %d", got, c.want)
			}
		})
	}
}
