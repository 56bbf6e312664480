// SPDX-License-Identifier: Apache-2.0

package rewind

import (
	"testing"

	"github.com/pgvigil/pgvigil/plugins/postgres/internal/datadir"
	"github.com/pgvigil/pgvigil/plugins/postgres/internal/wal"
)

func TestCompare(t *testing.T) {
	here := func(tli uint32, end wal.LSN, h ...wal.Switch) local {
		return local{control: datadir.Control{SystemID: 7}, timeline: tli, history: h, end: datadir.End{LSN: end, Timeline: tli}}
	}
	there := func(tli uint32, flushed wal.LSN, h ...wal.Switch) source {
		return source{systemID: 7, timeline: tli, history: h, flushed: flushed}
	}
	one := wal.Switch{Timeline: 1, End: 100}
	for _, c := range []struct {
		name string
		l    local
		s    source
		want verdict
	}{
		{"standby behind on the same timeline", here(2, 150, one), there(2, 200, one), sameLine},
		{"standby beyond the primary on the same timeline", here(2, 250, one), there(2, 200, one), unrelated},
		{"old primary that ended before the fork", here(1, 90), there(2, 200, one), follows},
		{"old primary that ended at the fork", here(1, 100), there(2, 200, one), follows},
		{"old primary that went on", here(1, 101), there(2, 200, one), diverged},
		{"two members promoted to one number", here(2, 150, wal.Switch{Timeline: 1, End: 90}), there(2, 200, one), unrelated},
		{"promoted in vain", here(3, 150, one), there(1, 200), diverged},
		{"promoted beside the winner", here(2, 150, one), there(3, 200, one), diverged},
		{"another line altogether", here(5, 150, wal.Switch{Timeline: 4, End: 10}), there(2, 200, one), unrelated},
		{"another cluster", local{control: datadir.Control{SystemID: 8}, timeline: 1, end: datadir.End{LSN: 1}}, there(1, 200), unrelated},
	} {
		if got, fork, why := compare(c.l, c.s); got != c.want || (got == unrelated) != (why != "") {
			t.Errorf("%s: %d at %s (%s), want %d", c.name, got, fork, why, c.want)
		}
	}
}
