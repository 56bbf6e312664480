// SPDX-License-Identifier: Apache-2.0

package datadir

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/pgvigil/pgvigil/plugins/postgres/internal/wal"
)

// End is where the valid log of a stopped server ends.
type End struct {
	// LSN is the position after the last valid record.
	LSN wal.LSN
	// Timeline of the last record.
	Timeline uint32
}

// Line is the timeline that recovery of a stopped server would end on, with its history: the newest
// whose history is in pg_wal and leads through the latest checkpoint, and through what was replayed after it.
func Line(walDir string, c Control) (uint32, wal.History, error) {
	tli, history := c.Timeline, wal.History(nil)
	if h, err := wal.ReadHistory(walDir, tli); err == nil {
		history = h
	}
	names, err := os.ReadDir(walDir)
	if err != nil {
		return 0, nil, fmt.Errorf("log directory: %w", err)
	}
	for _, n := range names {
		var t uint32
		if !strings.HasSuffix(n.Name(), ".history") || len(n.Name()) != 16 {
			continue
		}
		if _, err := fmt.Sscanf(n.Name(), "%08X.history", &t); err != nil || t <= tli {
			continue
		}
		h, err := wal.ReadHistory(walDir, t)
		if end, ok := h.End(c.Timeline); err == nil && ok && end >= c.passed() {
			tli, history = t, h
		}
	}
	return tli, history, nil
}

// passed is how far recovery has come for sure on the timeline of the latest checkpoint: a history that left it before is
// somebody else's, fetched but not followed.
func (c Control) passed() wal.LSN {
	if c.MinRecoveryTimeline == c.Timeline {
		return max(c.Redo, c.MinRecovery)
	}
	return c.Redo
}

// FindEnd walks the log from the latest checkpoint to its end. Hints are later positions that were starts
// of records; the first that still is one saves reading what is before it.
func FindEnd(dir string, c Control, hints ...wal.LSN) (End, error) {
	walDir := filepath.Join(dir, "pg_wal")
	tli, history, err := Line(walDir, c)
	if err != nil {
		return End{}, err
	}
	r := &wal.Reader{Dir: walDir, SegmentSize: c.SegmentSize, Timeline: tli, History: history}
	defer r.Close()
	start := c.Redo
	if c.State == "shut down" {
		start = c.Checkpoint
	}
	for _, at := range append(hints[:len(hints):len(hints)], start) {
		if at < start {
			continue
		}
		end, count, err := r.Walk(at, nil)
		if err != nil {
			return End{}, fmt.Errorf("end of the log: %w", err)
		}
		if count > 0 {
			return End{LSN: end, Timeline: timelineAt(end, tli, history)}, nil
		}
	}
	return End{}, nil
}

// timelineAt is the timeline of the record that ends at a position.
func timelineAt(end wal.LSN, tli uint32, h wal.History) uint32 {
	for _, s := range h {
		if end <= s.End {
			return s.Timeline
		}
	}
	return tli
}
