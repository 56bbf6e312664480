// SPDX-License-Identifier: Apache-2.0

package wal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Switch is one line of a timeline history: the timeline ended at a position, where the next began.
type Switch struct {
	// Timeline that ended.
	Timeline uint32
	// End is where it ended.
	End LSN
}

// History is the ancestry of a timeline, oldest first, without the timeline itself.
type History []Switch

// HistoryName is the file name of a timeline's history.
func HistoryName(tli uint32) string { return fmt.Sprintf("%08X.history", tli) }

// ParseHistory reads the content of a history file.
func ParseHistory(text string) (History, error) {
	var h History
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) == 0 || strings.HasPrefix(f[0], "#") {
			continue
		}
		if len(f) < 2 {
			return nil, fmt.Errorf("timeline history line %q has no position", strings.TrimSpace(line))
		}
		tli, err := strconv.ParseUint(f[0], 10, 32)
		if err != nil {
			return nil, fmt.Errorf("timeline history line %q: %w", strings.TrimSpace(line), err)
		}
		end, err := ParseLSN(f[1])
		if err != nil {
			return nil, err
		}
		h = append(h, Switch{uint32(tli), end})
	}
	return h, nil
}

// ReadHistory reads a timeline's history from a pg_wal directory. Timeline 1 has none, and needs none.
func ReadHistory(dir string, tli uint32) (History, error) {
	raw, err := os.ReadFile(filepath.Join(dir, HistoryName(tli)))
	if errors.Is(err, fs.ErrNotExist) && tli == 1 {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("timeline history: %w", err)
	}
	return ParseHistory(string(raw))
}

// End is where a timeline ended on the way to the history's own; ok is false when it is no ancestor.
func (h History) End(tli uint32) (end LSN, ok bool) {
	for _, s := range h {
		if s.Timeline == tli {
			return s.End, true
		}
	}
	return 0, false
}

// Fork is the end of what two lines of history share. A line is a timeline with its ancestry; ok is
// false when they share nothing, or when both are the same line, which has no fork.
func Fork(tliA uint32, a History, tliB uint32, b History) (end LSN, ok bool) {
	la, lb := line(tliA, a), line(tliB, b)
	for i := range min(len(la), len(lb)) {
		if la[i].Timeline != lb[i].Timeline {
			return end, ok
		}
		if la[i].End != lb[i].End {
			return min(la[i].End, lb[i].End), true
		}
		end, ok = la[i].End, true
	}
	return end, ok && len(la) != len(lb)
}

// line is the history with the timeline itself, which has not ended.
func line(tli uint32, h History) History {
	return append(h[:len(h):len(h)], Switch{tli, ^LSN(0)})
}
