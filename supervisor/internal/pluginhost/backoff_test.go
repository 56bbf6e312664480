// SPDX-License-Identifier: Apache-2.0

package pluginhost

import (
	"testing"
	"time"
)

func TestBackoffGrowsAndForgets(t *testing.T) {
	var b backoff
	ms := time.Millisecond
	for i, want := range []time.Duration{100 * ms, 200 * ms, 400 * ms, 800 * ms, 1600 * ms, 3200 * ms, 6400 * ms, 12800 * ms, 25600 * ms, 30 * time.Second, 30 * time.Second} {
		if got := b.next(0); got != want {
			t.Errorf("failure %d: %s, want %s", i, got, want)
		}
	}
	if got := b.next(59 * time.Second); got != 30*time.Second {
		t.Errorf("after a short run: %s", got)
	}
	if got := b.next(60 * time.Second); got != 100*ms {
		t.Errorf("after a good run: %s", got)
	}
}

func TestCheckupNeedsThreeMissesOrASuspicion(t *testing.T) {
	var c checkup
	for i, step := range []struct{ failed, suspected, hangs bool }{
		{true, false, false}, {true, false, false}, {false, false, false},
		{true, false, false}, {true, false, false}, {true, false, true},
		{false, true, false}, {true, true, true},
	} {
		if got := c.hangs(step.failed, step.suspected); got != step.hangs {
			t.Errorf("step %d: %t, want %t", i, got, step.hangs)
		}
	}
}
