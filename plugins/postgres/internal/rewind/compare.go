// SPDX-License-Identifier: Apache-2.0

package rewind

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/pgvigil/pgvigil/plugins/postgres/internal/datadir"
	"github.com/pgvigil/pgvigil/plugins/postgres/internal/session"
	"github.com/pgvigil/pgvigil/plugins/postgres/internal/wal"
)

// local is what lies in the data directory.
type local struct {
	control  datadir.Control
	timeline uint32
	history  wal.History
	end      datadir.End
}

func readLocal(dir string, k datadir.Control) (local, error) {
	tli, history, err := datadir.Line(filepath.Join(dir, "pg_wal"), k)
	if err != nil {
		return local{}, err
	}
	end, err := datadir.FindEnd(dir, k)
	if err != nil {
		return local{}, err
	}
	if end.LSN == 0 {
		return local{}, errors.New("no log can be read at the latest checkpoint")
	}
	end.LSN = max(end.LSN, k.MinRecovery)
	return local{control: k, timeline: tli, history: history, end: end}, nil
}

// verdict of a comparison.
type verdict int

const (
	follows   verdict = iota // nothing diverged
	sameLine                 // the same line, and the primary's is at least as long: look at the bytes
	diverged                 // the local log goes beyond the fork
	unrelated                // pg_rewind cannot tell or help
)

// compare decides from what both sides say. fork is set for diverged, why for unrelated.
func compare(l local, s source) (v verdict, fork wal.LSN, why string) {
	if l.control.SystemID != s.systemID {
		return unrelated, 0, fmt.Sprintf("data directory belongs to system %d, the primary is of system %d", l.control.SystemID, s.systemID)
	}
	fork, parted := wal.Fork(l.timeline, l.history, s.timeline, s.history)
	switch {
	case !parted && l.timeline != s.timeline:
		return unrelated, 0, "the histories have no timeline in common"
	case !parted && l.end.LSN > s.flushed:
		return unrelated, 0, fmt.Sprintf("log ends at %s, beyond the primary's %s on the same timeline", l.end.LSN, s.flushed)
	case !parted:
		return sameLine, 0, ""
	case l.end.LSN <= fork:
		return follows, fork, ""
	case l.timeline == s.timeline:
		return unrelated, fork, fmt.Sprintf("timeline %d has two histories, which part at %s", l.timeline, fork)
	}
	return diverged, fork, ""
}

// sameBytes compares the last bytes of the local log with the source's. A segment the source no longer
// has compares as equal: a standby that needs it finds out when it asks for it.
func sameBytes(ctx context.Context, conn *session.Conn, dir string, l local) (bool, error) {
	const most = 8192
	size := l.control.SegmentSize
	end, name := l.lastSegment(dir)
	if name == "" {
		return true, nil // nothing is here that could differ
	}
	last := end - 1
	begin := max(uint64(last)-uint64(last)%size, uint64(end)-min(most, uint64(end)))
	count := uint64(end) - begin
	mine, err := readAt(filepath.Join(dir, "pg_wal", name), int64(begin%size), count)
	if err != nil {
		return false, fmt.Errorf("end of the local log: %w", err)
	}
	row, err := conn.Row(ctx, fmt.Sprintf("SELECT encode(pg_read_binary_file(%s, %d, %d, true), 'hex')",
		session.Literal("pg_wal/"+name), begin%size, count))
	if err != nil {
		return false, err
	}
	theirs, err := hex.DecodeString(row[0])
	return len(theirs) == 0 || bytes.Equal(mine, theirs), err
}

// lastSegment finds the segment with the last local bytes, and where they end: on the timeline of the end or, where only
// that timeline's history has arrived yet, on the one before. The name is empty when there is none.
func (l local) lastSegment(dir string) (wal.LSN, string) {
	size, end := l.control.SegmentSize, l.end.LSN
	for i, tli := len(l.history), l.end.Timeline; ; i-- {
		if i < len(l.history) {
			if l.history[i].Timeline >= tli {
				continue
			}
			tli, end = l.history[i].Timeline, min(end, l.history[i].End)
		}
		name := wal.SegmentName(tli, (end - 1).Segment(size), size)
		if _, err := os.Stat(filepath.Join(dir, "pg_wal", name)); err == nil {
			return end, name
		}
		if i == 0 {
			return 0, ""
		}
	}
}

func readAt(path string, off int64, count uint64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	out := make([]byte, count)
	_, err = f.ReadAt(out, off)
	return out, err
}
