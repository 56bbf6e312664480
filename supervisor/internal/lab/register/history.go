// SPDX-License-Identifier: Apache-2.0

package register

import (
	"fmt"
	"math"
	"sync"

	"github.com/pgvigil/pgvigil/supervisor/internal/lab/boottime"
)

// Kind of an operation.
type Kind byte

// The kinds.
const (
	// Read returns the value.
	Read Kind = 'r'
	// Write sets it to New.
	Write Kind = 'w'
	// Swap sets it to New if it is Old.
	Swap Kind = 'c'
)

// Operation is what one client did with one row.
type Operation struct {
	Client   int
	Key      int64
	Kind     Kind
	Old, New int64
	// Value is what the row held before, by the server's answer; with an open operation it says nothing.
	Value int64
	// Open: whether the operation took effect is not known. It may, at any later time.
	Open          bool
	Sent, Settled boottime.Instant
}

func (o Operation) String() string {
	outcome := fmt.Sprintf("found %d", o.Value)
	if o.Open {
		outcome = "outcome unknown"
	}
	return fmt.Sprintf("%d..%d client %d %c row %d old %d new %d: %s", o.Sent, o.Settled, o.Client, o.Kind, o.Key, o.Old, o.New, outcome)
}

// end is when the operation is over; an open one never is.
func (o Operation) end() int64 {
	if o.Open {
		return math.MaxInt64
	}
	return int64(o.Settled)
}

// History is what all clients did. Safe for use by several goroutines.
type History struct {
	mu         sync.Mutex
	operations []Operation
	open       int
}

// Record enters an operation.
func (h *History) Record(o Operation) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.operations = append(h.operations, o)
	if o.Open {
		h.open++
	}
}

// Size counts the operations so far, and those of them that are open.
func (h *History) Size() (all, open int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.operations), h.open
}
