// SPDX-License-Identifier: Apache-2.0

package launcher

import (
	"testing"
	"testing/synctest"
	"time"
)

// The next strike is brought forward by a shorter grace and never put off by a longer one.
func TestEndingWithin(t *testing.T) {
	for name, tc := range map[string]struct {
		graces []time.Duration
		want   time.Duration
	}{
		"one":              {[]time.Duration{200 * time.Millisecond}, 200 * time.Millisecond},
		"shorter later":    {[]time.Duration{200 * time.Millisecond, 50 * time.Millisecond}, 50 * time.Millisecond},
		"longer later":     {[]time.Duration{50 * time.Millisecond, 200 * time.Millisecond}, 50 * time.Millisecond},
		"none, after some": {[]time.Duration{50 * time.Millisecond, 0}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var e ending
				if e.timer() != nil {
					t.Fatal("strikes before the end has begun")
				}
				began := time.Now()
				for _, g := range tc.graces {
					e.within(g)
				}
				<-e.timer()
				if got := time.Since(began); got != tc.want {
					t.Errorf("struck after %v, want %v", got, tc.want)
				}
			})
		})
	}
}

// stuck is a log that never takes anything.
type stuck struct{ entered chan struct{} }

func (s stuck) Write([]byte) (int, error) {
	s.entered <- struct{}{}
	select {}
}

func TestDropWriterNeverWaits(t *testing.T) {
	s := stuck{entered: make(chan struct{})}
	w := NewDropWriter(s)
	line := []byte("a line\n")
	_, _ = w.Write(line)
	<-s.entered
	for range 10 * dropBacklog { // hangs here if it waits
		if n, err := w.Write(line); n != len(line) || err != nil {
			t.Fatalf("write: %d, %v", n, err)
		}
	}
}
