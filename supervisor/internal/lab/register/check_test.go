// SPDX-License-Identifier: Apache-2.0

package register

import (
	"strings"
	"testing"
	"time"

	"github.com/pgvigil/pgvigil/supervisor/internal/lab/boottime"
)

func read(value int64, sent, settled boottime.Instant) Operation {
	return Operation{Kind: Read, Value: value, Sent: sent, Settled: settled}
}

func write(found, value int64, sent, settled boottime.Instant) Operation {
	return Operation{Kind: Write, Value: found, New: value, Sent: sent, Settled: settled}
}

func swap(found, old, value int64, sent, settled boottime.Instant) Operation {
	return Operation{Kind: Swap, Value: found, Old: old, New: value, Sent: sent, Settled: settled}
}

func open(o Operation) Operation {
	o.Open = true
	return o
}

func TestCheckTellsLinearizableHistories(t *testing.T) {
	cases := []struct {
		name string
		did  []Operation
		want bool
	}{
		{"one after the other", []Operation{read(0, 1, 2), write(0, 7, 3, 4), swap(7, 7, 8, 5, 6), read(8, 7, 8)}, true},
		{"a read that overlaps a write may miss it", []Operation{write(0, 7, 1, 10), read(0, 2, 3)}, true},
		{"a read after a write may not", []Operation{write(0, 7, 1, 2), read(0, 3, 4)}, false},
		{"a swap that found another value changes nothing", []Operation{write(0, 7, 1, 2), swap(7, 5, 8, 3, 4), read(7, 5, 6)}, true},
		{"an acknowledged write is lost", []Operation{write(0, 7, 1, 2), write(7, 8, 3, 4), read(7, 5, 6)}, false},
		{"an open write may be seen late", []Operation{open(write(0, 7, 1, 2)), read(0, 3, 4), read(7, 5, 6)}, true},
		{"and may never be seen", []Operation{open(write(0, 7, 1, 2)), read(0, 3, 4)}, true},
		{"but does not come and go", []Operation{open(write(0, 7, 1, 2)), read(7, 3, 4), read(0, 5, 6)}, false},
		{"an open swap happens where it fits", []Operation{open(swap(0, 9, 7, 1, 2)), write(0, 9, 3, 4), read(7, 5, 6)}, true},
		{"or does not happen", []Operation{open(swap(0, 5, 7, 1, 2)), write(0, 9, 3, 4), read(7, 5, 6)}, false},
		{"the stale read of a replaced primary", []Operation{write(0, 7, 1, 2), write(7, 8, 3, 4), read(8, 5, 6), read(7, 7, 8)}, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var h History
			for _, o := range c.did {
				h.Record(o)
			}
			err := h.Check(10 * time.Second)
			if (err == nil) != c.want {
				t.Errorf("Check: %v, want linearizable: %t", err, c.want)
			}
		})
	}
}

func TestRowsAreCheckedEachOnItsOwn(t *testing.T) {
	var h History
	for _, key := range []int64{1, 2} {
		o := write(0, 7, 1, 2)
		o.Key = key
		h.Record(o)
	}
	if err := h.Check(10 * time.Second); err != nil {
		t.Error(err)
	}
	wrong := read(0, 3, 4)
	wrong.Key = 2
	h.Record(wrong)
	if err := h.Check(10 * time.Second); err == nil || !strings.Contains(err.Error(), "row 2") {
		t.Errorf("Check: %v, want row 2 not linearizable", err)
	}
}
