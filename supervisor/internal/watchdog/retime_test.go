// SPDX-License-Identifier: Apache-2.0

package watchdog

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
)

// set gives the driver another timeout, for a ttl that is 5 s longer.
func (b *bench) set(timeout time.Duration) {
	b.retime(times{timeout: timeout, renewEvery: (timeout + 5*time.Second) / 4})
}

// Ensure an armed device gets a shorter timeout at once.
func TestShorter(t *testing.T) {
	b := newBench(t, Required, nil)
	b.begin()
	b.renewed()
	b.expect(t, "elected", arming)
	until := b.fed
	b.set(10 * time.Second)
	b.expect(t, "before the next tick", "")
	b.now = b.now.Add(sec)
	b.hold(until)
	b.expect(t, "not renewed", "support, set 10, get, feed")
	b.hold(until)
	b.hold(b.now.Add(15 * sec)) // a shorter leadership is in force, until before the former deadline
	b.expect(t, "no later deadline", "")
	b.now = b.now.Add(sec)
	b.hold(b.now.Add(15 * sec))
	b.expect(t, "renewed", "feed")
	b.is(t, true, true, "")
}

// Ensure an armed device gets a longer timeout once that fires before the deadline, and is fed as it was until then.
func TestLonger(t *testing.T) {
	b := newBench(t, Required, nil)
	b.begin()
	b.renewed()
	b.expect(t, "elected", arming)
	b.set(50 * time.Second)
	b.hold(b.fed)
	b.expect(t, "not renewed", "")
	b.now = b.now.Add(sec)
	b.hold(b.now.Add(40 * sec))
	b.expect(t, "renewed for too little", "feed")
	b.now = b.now.Add(sec)
	b.hold(b.now.Add(55 * sec))
	b.expect(t, "renewed", "support, set 50, get, feed")
	if b.timeout != 50*time.Second || b.fires != b.now.Add(50*sec) {
		t.Errorf("timeout %s, fires %d", b.timeout, b.fires)
	}
}

// Ensure the same timeout is no news, and one that is set while the device is not armed is what it is armed with.
func TestUnarmedIsRetimed(t *testing.T) {
	b := newBench(t, Required, nil)
	b.begin()
	b.set(20 * time.Second)
	b.renewed()
	b.expect(t, "elected", "open, support, set 20, get, feed")
	b.set(20 * time.Second)
	b.hold(b.fed)
	b.expect(t, "the same", "")
}

// Ensure a device that will not have the timeout is stopped, and does not count any more.
func TestRetimeRefused(t *testing.T) {
	b := newBench(t, Required, func(k *fakeKernel) { k.least = 20 })
	b.begin()
	b.renewed()
	b.expect(t, "elected", arming)
	b.set(10 * time.Second)
	b.hold(b.fed)
	b.expect(t, "clamped", `support, set 10, get, write "V", close`)
	b.is(t, false, false, "made it 20 s")
}

// Ensure mode automatic does without a device while ttl is too short for one, and uses it again afterwards.
func TestTooShortForAWhile(t *testing.T) {
	b := newBench(t, Automatic, nil)
	b.begin()
	b.renewed()
	b.expect(t, "elected", arming)
	b.retime(times{timeout: 500 * time.Millisecond, renewEvery: time.Second})
	b.hold(core.LongPast)
	b.expect(t, "no leadership is in force", "")
	b.hold(b.now.Add(3 * sec))
	b.expect(t, "in force", `write "V", close`)
	b.is(t, false, false, tooShort)
	b.set(25 * time.Second)
	b.renewed()
	b.expect(t, "long again", arming)
	b.is(t, true, true, "")
}

// Ensure, whatever is set and held in whatever order, an armed device never fires after the latest deadline it was held for.
func TestRetimedInTime(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		b := newBench(t, rapid.SampledFrom([]Mode{Automatic, Required}).Draw(rt, "mode"), nil)
		b.begin()
		var latest, fires core.Instant
		for range rapid.IntRange(1, 40).Draw(rt, "steps") {
			b.now = b.now.Add(core.Span(rapid.IntRange(0, 5_000).Draw(rt, "ms")) * core.Millisecond)
			if rapid.Bool().Draw(rt, "retime") {
				b.set(time.Duration(rapid.IntRange(1, 60).Draw(rt, "timeout")) * time.Second)
				continue
			}
			until := b.now.Add(core.Span(rapid.IntRange(1, 70).Draw(rt, "left")) * sec)
			latest = max(latest, until)
			b.hold(until)
			if calls := b.kernel.take(); calls != "" {
				fires = b.now.Add(core.Span(b.kernel.timeout) * sec)
			}
			if b.kernel.running && fires > latest {
				rt.Fatalf("fires at %d, past %d", fires, latest)
			}
		}
	})
}
