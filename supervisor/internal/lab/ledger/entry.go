// SPDX-License-Identifier: Apache-2.0

// Package ledger writes numbered rows as an application would, keeps book of what was acknowledged, and tells afterwards
// whether the database still has it and how long writing was interrupted.
package ledger

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/pgvigil/pgvigil/supervisor/internal/lab/boottime"
)

// Outcome of a write. What cannot be told is never counted as failed.
type Outcome byte

// The outcomes.
const (
	// Acknowledged: the server said that the transaction is committed.
	Acknowledged Outcome = 'a'
	// Failed: the write certainly did not happen.
	Failed Outcome = 'f'
	// Unknown: the connection ended, or time was up, before the answer came.
	Unknown Outcome = 'u'
)

// Entry is one write of one client; clients number their writes from 1 and use no number twice.
type Entry struct {
	Client  int
	Seq     int64
	Outcome Outcome
	// Timeline and LSN are where the acknowledged insert was made: its commit record lies behind LSN on Timeline.
	Timeline uint32
	LSN      uint64
	// Sent and At are when it was sent and when the outcome was known.
	Sent, At boottime.Instant
}

func (e Entry) String() string {
	return fmt.Sprintf("%d/%d at %d:%s", e.Client, e.Seq, e.Timeline, formatLSN(e.LSN))
}

// line is the entry in the ledger's file.
func (e Entry) line() string {
	return fmt.Sprintf("%c %d %d %d %s %d %d\n", e.Outcome, e.Client, e.Seq, e.Timeline, formatLSN(e.LSN), e.Sent, e.At)
}

func formatLSN(lsn uint64) string { return fmt.Sprintf("%X/%X", lsn>>32, lsn&0xffffffff) }

func parseLSN(text string) (uint64, error) {
	high, low, ok := strings.Cut(text, "/")
	if !ok {
		return 0, fmt.Errorf("WAL position %q has no slash", text)
	}
	h, err := strconv.ParseUint(high, 16, 32)
	if err != nil {
		return 0, fmt.Errorf("WAL position %q: %w", text, err)
	}
	l, err := strconv.ParseUint(low, 16, 32)
	if err != nil {
		return 0, fmt.Errorf("WAL position %q: %w", text, err)
	}
	return h<<32 | l, nil
}
