// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"testing"
	"time"

	"github.com/pgvigil/pgvigil/supervisor/internal/lab/boottime"
)

func TestGapIsTheLongestSilenceThatEndedAfterTheMark(t *testing.T) {
	const now = 1000
	cases := []struct {
		name  string
		acks  []boottime.Instant
		since boottime.Instant
		want  time.Duration
	}{
		{"never served", nil, 900, 100},
		{"longest in the middle", []boottime.Instant{100, 150, 700, 990}, 120, 550},
		{"a silence that spans the mark counts whole", []boottime.Instant{100, 700, 990}, 400, 600},
		{"silences before the mark do not count", []boottime.Instant{100, 700, 720, 990}, 710, 270},
		{"a silence that still lasts counts", []boottime.Instant{100, 110, 300}, 105, 700},
		{"first served after the mark", []boottime.Instant{800, 990}, 500, 300},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var entries []Entry
			for _, at := range c.acks {
				entries = append(entries, Entry{Outcome: Unknown, At: at}, Entry{Outcome: Acknowledged, At: at})
			}
			if got := gap(entries, c.since, now); got != c.want {
				t.Errorf("gap = %d, want %d", got, c.want)
			}
		})
	}
}
