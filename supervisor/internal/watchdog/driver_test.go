// SPDX-License-Identifier: Apache-2.0

package watchdog

import (
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
)

const arming = "open, support, set 25, get, feed"

// Ensure the order of a life: looked at without opening, armed, fed once for each renewal, stopped.
func TestLife(t *testing.T) {
	b := newBench(t, Required, nil)
	b.begin()
	b.expect(t, "looked at", "")
	b.is(t, true, false, "")
	b.hold(0)
	b.hold(core.LongPast)
	b.expect(t, "nothing to guard", "")

	b.renewed()
	b.expect(t, "elected", arming)
	b.is(t, true, true, "")
	until := b.now.Add(30 * sec)
	for range 20 {
		b.now = b.now.Add(sec)
		b.hold(until)
	}
	b.expect(t, "not renewed", "")
	b.renewed()
	b.expect(t, "renewed", "feed")
	b.hold(b.fed - 1)
	b.hold(core.LongPast)
	b.expect(t, "deposed and still writable", "")
	b.is(t, true, true, "")
	b.hold(0)
	b.hold(0)
	b.expect(t, "down", `write "V", close`)
	b.is(t, true, false, "")
	if b.kernel.running || strings.Contains(b.log.String(), "renewal too late") {
		t.Errorf("the device still runs (%v), or a deposed leader was told of a late renewal:\n%s", b.kernel.running, b.log.String())
	}
	b.renewed()
	b.expect(t, "elected again", arming)
}

// Ensure the device is not fed when it would outlast the leadership.
func TestLateRenewal(t *testing.T) {
	b := newBench(t, Required, nil)
	b.begin()
	b.hold(b.now.Add(25*sec - 1))
	b.expect(t, "late from the start", "")
	b.hold(b.now.Add(25 * sec))
	b.expect(t, "just in time", arming)
	b.now = b.now.Add(sec)
	b.hold(b.now.Add(25*sec - 1))
	b.hold(b.now.Add(25*sec - 1))
	b.expect(t, "late", "")
	if n := strings.Count(b.log.String(), "renewal too late"); n != 2 {
		t.Errorf("said %d times, want once for each renewal", n)
	}
}

// Ensure, whatever the loop says in whatever order: the device is fed only after the deadline moved forward, never so
// that it fires after that deadline, and stopped only when nothing is to be guarded.
func TestFeedingNeedsRenewal(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		b := newBench(t, rapid.SampledFrom([]Mode{Automatic, Required}).Draw(rt, "mode"), nil)
		b.begin()
		var best core.Instant // what the device was fed for, or a nearer deadline since
		for range rapid.IntRange(1, 40).Draw(rt, "ticks") {
			b.now = b.now.Add(core.Span(rapid.IntRange(0, 10_000).Draw(rt, "ms")) * core.Millisecond)
			until := rapid.SampledFrom([]core.Instant{
				0, core.LongPast, best, b.now.Add(20 * sec), b.now.Add(28 * sec), b.now.Add(30 * sec),
			}).Draw(rt, "until")
			b.hold(until)
			calls := b.kernel.take()
			if until > core.LongPast {
				best = min(best, until)
			}
			if fed := strings.Contains(calls, "feed"); fed && (until <= best || b.now.Add(25*sec) > until) {
				rt.Fatalf("fed at %d for %d after %d", b.now, until, best)
			} else if fed {
				best = until
			}
			if strings.Contains(calls, "V") && until != 0 {
				rt.Fatalf("stopped with a deadline of %d", until)
			}
			if until == 0 {
				best = 0
			}
			if b.kernel.running != (best != 0) {
				rt.Fatalf("running %v with a deadline of %d", b.kernel.running, best)
			}
		}
	})
}

// Ensure drivers without an ioctl for it are fed by writing.
func TestFedByWriting(t *testing.T) {
	b := newBench(t, Required, func(k *fakeKernel) { k.options &^= unix.WDIOF_KEEPALIVEPING })
	b.begin()
	b.renewed()
	b.expect(t, "armed", `open, support, set 25, get, write "\x00"`)
}

// Ensure a feeding that fails is tried again, said, and forgotten once it works.
func TestFeedingFails(t *testing.T) {
	b := newBench(t, Required, nil)
	b.begin()
	b.renewed()
	b.kernel.take()
	b.kernel.petErr = unix.EIO
	b.now = b.now.Add(sec)
	b.renewed()
	b.hold(b.now.Add(30 * sec))
	b.is(t, false, true, "not fed")
	b.kernel.petErr = nil
	b.hold(b.now.Add(30 * sec))
	b.expect(t, "tried until it works", "feed, feed, feed")
	b.is(t, true, true, "")
	if n := strings.Count(b.log.String(), "watchdog failed"); n != 1 {
		t.Errorf("logged %d times, want 1", n)
	}
}

// Ensure a device that cannot be stopped is fed while there is no primary here, and as usual while there is one.
func TestNoWayOut(t *testing.T) {
	b := newBench(t, Required, func(k *fakeKernel) { k.nowayout = true })
	b.begin()
	b.renewed()
	b.expect(t, "armed", arming)
	b.is(t, true, true, "nowayout")
	b.now = b.now.Add(sec)
	b.hold(core.LongPast)
	b.expect(t, "writable and not renewed", "")
	b.hold(0)
	b.hold(0)
	b.expect(t, "down", "feed")
	b.now = b.now.Add(sec)
	b.hold(0)
	b.expect(t, "down a second later", "feed")
	b.renewed()
	b.expect(t, "elected again", "feed")
	b.leave()
	if !strings.Contains(b.log.String(), "watchdog left armed") {
		t.Errorf("not announced:\n%s", b.log.String())
	}
}

// Ensure a device whose magic character is not taken is fed rather than closed, and one that runs on is reported.
func TestNotStopped(t *testing.T) {
	b := newBench(t, Required, func(k *fakeKernel) { k.putErr = unix.EIO })
	b.begin()
	b.renewed()
	b.hold(0)
	b.hold(0)
	b.expect(t, "down", arming+`, write "V", feed`)
	b.is(t, false, true, "not stopped")

	b = newBench(t, Required, nil)
	b.begin()
	b.renewed()
	b.kernel.nowayout = true // not told when it was looked at
	b.hold(0)
	b.is(t, false, false, "still runs")
}

// Ensure a device left running by a former process is taken over unfed: to be fed by a renewal, or stopped.
func TestLeftRunning(t *testing.T) {
	running := func(k *fakeKernel) { k.running = true }
	b := newBench(t, Required, running)
	b.begin()
	b.hold(core.LongPast)
	b.expect(t, "found", "open, support")
	b.is(t, true, false, "")
	b.renewed()
	b.expect(t, "still leading", "support, set 25, get, feed")

	b = newBench(t, Required, running)
	b.Timeout -= 2 * time.Second // the configuration has changed
	b.begin()
	b.renewed()
	b.expect(t, "another margin", "open, support, support, set 23, get, feed")
	if b.timeout != b.Timeout || b.fires != b.now.Add(23*sec) {
		t.Errorf("timeout %s, fires at %d, now %d", b.timeout, b.fires, b.now)
	}

	b = newBench(t, Automatic, running)
	b.begin()
	b.hold(0)
	b.expect(t, "not leading", `open, support, write "V", close`)
	if b.kernel.running {
		t.Error("the device still runs")
	}
}
