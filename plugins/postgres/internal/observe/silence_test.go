// SPDX-License-Identifier: Apache-2.0

package observe

import (
	"testing"
	"time"
)

// Ensure a wall clock that is stepped either way neither makes a silence nor hides one.
func TestSilence(t *testing.T) {
	began := time.Now()
	var s silence
	for _, look := range []struct {
		at, claimed, want time.Duration
		stamp             int64
	}{
		{0, 300 * time.Millisecond, 300 * time.Millisecond, 1},                       // nothing else is known yet
		{time.Second, 1300 * time.Millisecond, 1300 * time.Millisecond, 1},           // no message since
		{2 * time.Second, 200 * time.Millisecond, 200 * time.Millisecond, 2},         // one came in between
		{3 * time.Second, time.Hour, 2 * time.Second, 2},                             // stepped forward: not before the look before
		{4 * time.Second, -time.Hour, 2 * time.Second, 2},                            // stepped back: silent since it was seen
		{5 * time.Second, -time.Hour, 0, 3},                                          // a message all the same
		{5500 * time.Millisecond, 500 * time.Millisecond, 500 * time.Millisecond, 3}, // and silence again
		{6500 * time.Millisecond, time.Hour + 900*time.Millisecond, time.Second, 4},  // stepped forward with it
		{7 * time.Second, 700 * time.Millisecond, 700 * time.Millisecond, 4},         // right again
	} {
		if got := s.of(look.stamp, look.claimed, began.Add(look.at)); got != look.want {
			t.Errorf("at %s, with %s claimed since %d: %s, want %s", look.at, look.claimed, look.stamp, got, look.want)
		}
	}
}
