// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"bufio"
	"io"
	"sync"
	"time"

	"github.com/pgvigil/pgvigil/supervisor/internal/lab/boottime"
)

// Ledger is the book of all writes. Safe for use by several goroutines.
type Ledger struct {
	mu      sync.Mutex
	entries [][]Entry // by client
	guests  int       // how many of the last clients do not count for Gap
	acked   int
	failed  int
	unknown int
	file    *bufio.Writer
}

// Totals count the writes so far by outcome.
type Totals struct{ Acknowledged, Failed, Unknown int }

// New returns an empty ledger for that many clients. Every entry is also written to w as a line of text, unless w is nil.
func New(clients int, w io.Writer) *Ledger {
	l := &Ledger{entries: make([][]Entry, clients)}
	if w != nil {
		l.file = bufio.NewWriter(w)
	}
	return l
}

// Record enters a write.
func (l *Ledger) Record(e Entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.entries[e.Client] = append(l.entries[e.Client], e)
	switch e.Outcome {
	case Acknowledged:
		l.acked++
	case Failed:
		l.failed++
	default:
		l.unknown++
	}
	if l.file != nil {
		// A full disk must not stop the workload; Flush tells the error, which the writer keeps.
		_, _ = l.file.WriteString(e.line())
	}
}

// grow makes room for guests and returns the number of the first.
func (l *Ledger) grow(clients int) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	first := len(l.entries)
	l.guests += clients
	l.entries = append(l.entries, make([][]Entry, clients)...)
	return first
}

// Flush writes out the ledger's file and returns the first error of writing it.
func (l *Ledger) Flush() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return nil
	}
	return l.file.Flush()
}

// Totals returns the counts so far.
func (l *Ledger) Totals() Totals {
	l.mu.Lock()
	defer l.mu.Unlock()
	return Totals{l.acked, l.failed, l.unknown}
}

// LastAck is when the latest acknowledgement came, 0 before the first.
func (l *Ledger) LastAck() boottime.Instant {
	l.mu.Lock()
	defer l.mu.Unlock()
	var last boottime.Instant
	for _, entries := range l.entries {
		for i := len(entries) - 1; i >= 0; i-- {
			if entries[i].Outcome == Acknowledged {
				last = max(last, entries[i].At)
				break
			}
		}
	}
	return last
}

// Gap is the longest time that one client went without an acknowledgement, of those that ended after since, and
// counting those that still last. A client that was never served before since counts from since. Guests (Writer.Join) do
// not count.
func (l *Ledger) Gap(since boottime.Instant) time.Duration {
	now := boottime.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	var longest time.Duration
	for _, entries := range l.entries[:len(l.entries)-l.guests] {
		longest = max(longest, gap(entries, since, now))
	}
	return longest
}

func gap(entries []Entry, since, now boottime.Instant) time.Duration {
	longest, end := time.Duration(0), now
	for i := len(entries) - 1; i >= 0; i-- {
		if entries[i].Outcome != Acknowledged {
			continue
		}
		longest = max(longest, end.Sub(entries[i].At))
		if end = entries[i].At; end < since {
			return longest
		}
	}
	return max(longest, end.Sub(min(since, end)))
}

// AckedAfter counts the acknowledgements of writes that were sent after an instant. Guests do not count.
func (l *Ledger) AckedAfter(since boottime.Instant) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	count := 0
	for _, entries := range l.entries[:len(l.entries)-l.guests] {
		for i := len(entries) - 1; i >= 0 && entries[i].Sent > since; i-- {
			if entries[i].Outcome == Acknowledged {
				count++
			}
		}
	}
	return count
}

// snapshot returns the entries so far; they are never changed afterwards.
func (l *Ledger) snapshot() [][]Entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := make([][]Entry, len(l.entries))
	for i, entries := range l.entries {
		all[i] = entries[:len(entries):len(entries)]
	}
	return all
}
