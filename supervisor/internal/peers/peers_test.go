// SPDX-License-Identifier: Apache-2.0

package peers

import (
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
)

const secret = "correct horse battery staple"

var leading = core.Beat{Name: "a", Epoch: 7, Open: true}

// modes runs a test with a secret and without.
func modes(t *testing.T, f func(t *testing.T, secret string)) {
	for name, s := range map[string]string{"secret": secret, "no secret": ""} {
		t.Run(name, func(t *testing.T) { synctest.Test(t, func(t *testing.T) { f(t, s) }) })
	}
}

// Ensure a beat is heard within an interval, and again and again without waking anybody.
func TestBeat(t *testing.T) {
	modes(t, func(t *testing.T, secret string) {
		n := newNetwork()
		a, b := n.boot(t, "a", secret, time.Hour), n.boot(t, "b", secret, time.Minute)
		a.Tell(&leading)
		synctest.Wait()
		got := b.of("a")
		want := core.Heard{Name: "a", At: core.Instant(core.Second * 60), Beat: leading}
		want.Beat.SentAt = got.Beat.SentAt
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
		if !b.nudged() {
			t.Error("the first beat is no news")
		}
		for range 20 {
			a.ticks(500*time.Millisecond, leading)
			if b.age("a") > 200*core.Millisecond {
				t.Errorf("last beat %s ago", b.age("a"))
			}
		}
		if b.nudged() {
			t.Error("woken by what was no news")
		}
		if sent := len(n.sent(addrA, addrB)); sent < 45 || sent > 55 {
			t.Errorf("%d datagrams in 10s", sent)
		}
		if len(a.Heard()) != 0 {
			t.Errorf("who leads hears %+v", a.Heard())
		}
	})
}

// Ensure every change is said at once, and wakes who hears it; a question does with every beat.
func TestNews(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork()
		a, b := n.boot(t, "a", secret, time.Hour), n.boot(t, "b", secret, time.Hour)
		a.Tell(&leading)
		synctest.Wait()
		for what, change := range map[string]func(*core.Beat){
			"gone": func(b *core.Beat) { b.Open, b.Gone = false, true }, "epoch": func(b *core.Beat) { b.Epoch++ },
			"closed": func(b *core.Beat) { b.Open = false },
		} {
			a.ticks(450*time.Millisecond, leading)
			b.nudged()
			beat := leading
			change(&beat)
			a.Tell(&beat)
			synctest.Wait()
			if got := b.of("a").Beat; !b.nudged() || !sameContent(got, beat) {
				t.Errorf("%s: heard %+v", what, got)
			}
		}
		asking := leading
		asking.Ask = core.Second
		a.Tell(&asking)
		for range 5 {
			synctest.Wait()
			if !b.nudged() {
				t.Error("a question woke nobody")
			}
			pass(200 * time.Millisecond)
		}
	})
}

// Ensure a loop that hangs falls silent, and is heard again when it goes on.
func TestHangingLoopFallsSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork()
		a, b := n.boot(t, "a", secret, time.Hour), n.boot(t, "b", secret, time.Hour)
		a.Tell(&leading)
		pass(5 * time.Second)
		if age := b.age("a"); age < 3400*core.Millisecond || age > 3700*core.Millisecond {
			t.Errorf("last heard %s ago", age)
		}
		n.sent(addrA, addrB)
		pass(time.Minute)
		if sent := n.sent(addrA, addrB); len(sent) != 0 {
			t.Errorf("%d datagrams of a loop that hangs", len(sent))
		}
		b.nudged()
		a.Tell(&leading)
		synctest.Wait()
		if b.age("a") != 0 || !b.nudged() {
			t.Errorf("after the silence: last heard %s ago", b.age("a"))
		}
		a.Tell(nil)
		pass(time.Second)
		if sent := n.sent(addrA, addrB); len(sent) != 1 {
			t.Errorf("%d datagrams with nothing to say", len(sent))
		}
	})
}

// Ensure silence is told once, when it has lasted as long as was asked for, and only of who is watched.
func TestWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork()
		a, b := n.boot(t, "a", secret, time.Hour), n.boot(t, "b", secret, time.Hour)
		b.Watch("a", 266*core.Millisecond)
		a.ticks(5050*time.Millisecond, leading) // the last beat was sent 50ms before
		b.nudged()
		n.lose(func(_, _ netip.AddrPort) bool { return true })
		pass(200 * time.Millisecond)
		b.Watch("a", 266*core.Millisecond) // as with every tick
		if b.nudged() {
			t.Error("told too early")
		}
		a.ticks(310*time.Millisecond, leading)
		if !b.nudged() {
			t.Error("not told")
		}
		a.ticks(5*time.Second, leading)
		if b.nudged() {
			t.Error("told again")
		}
		n.lose(nil)
		a.ticks(210*time.Millisecond, leading)
		if !b.nudged() {
			t.Error("the first beat after the silence is no news")
		}
		b.Watch("", 0)
		pass(time.Minute)
		if b.nudged() {
			t.Error("told though nobody is watched")
		}
	})
}

// Ensure the end of a silence that was told of is news, however short it was.
func TestShortSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork()
		a, b := n.boot(t, "a", secret, time.Hour), n.boot(t, "b", secret, time.Hour)
		b.Watch("a", 266*core.Millisecond)
		a.ticks(time.Second, leading)
		n.lose(func(_, _ netip.AddrPort) bool { return true })
		a.ticks(300*time.Millisecond, leading)
		n.lose(nil)
		b.nudged()
		a.ticks(250*time.Millisecond, leading)
		if !b.nudged() {
			t.Error("no news")
		}
	})
}

// Ensure a promise reaches whom it is made to, and the best one is kept.
func TestPromise(t *testing.T) {
	modes(t, func(t *testing.T, secret string) {
		n := newNetwork()
		a, b := n.boot(t, "a", secret, time.Hour), n.boot(t, "b", secret, time.Minute)
		promise := core.Promise{From: "b", To: "a", Epoch: 7, For: 2 * core.Second}
		b.Promise(promise)
		synctest.Wait()
		if len(n.sent(addrB, addrA)) != 0 {
			t.Error("a promise to somebody who was never heard")
		}
		a.ticks(time.Second, leading)
		promise.SentAt = b.of("a").Beat.SentAt
		b.Promise(promise)
		synctest.Wait()
		if got := a.of("b"); got.Promise != promise || got.At != 0 || !a.nudged() {
			t.Fatalf("heard %+v", got)
		}
		shorter, older, future := promise, promise, promise
		shorter.For--
		older.Epoch, older.For = 6, core.Span(1e12)
		future.SentAt += core.Instant(core.Second)
		for _, worse := range []core.Promise{shorter, older, future, promise} {
			b.Promise(worse)
			synctest.Wait()
			if got := a.of("b").Promise; got != promise || a.nudged() {
				t.Errorf("after %+v: %+v", worse, got)
			}
		}
		longer := promise
		longer.For++
		b.Promise(longer)
		synctest.Wait()
		if got := a.of("b").Promise; got != longer || !a.nudged() {
			t.Errorf("heard %+v", got)
		}
	})
}

// Ensure a promise is not counted by another process than the one it was made to, though it runs under the same name.
func TestPromiseToFormerProcess(t *testing.T) {
	modes(t, func(t *testing.T, secret string) {
		n := newNetwork()
		a, b := n.boot(t, "a", secret, time.Hour), n.boot(t, "b", secret, time.Minute)
		a.Tell(&leading)
		synctest.Wait()
		b.Promise(core.Promise{From: "b", To: "a", Epoch: 7, For: core.Second, SentAt: b.of("a").Beat.SentAt})
		synctest.Wait()
		recorded := n.sent(addrB, addrA)
		a.stop()
		again := n.boot(t, "a", secret, 2*time.Hour)
		again.Tell(&leading)
		synctest.Wait()
		for _, p := range recorded {
			n.inject(p.data, p.from, p.to)
		}
		synctest.Wait()
		if got := again.of("b"); got.Promise.For != 0 || again.Counts().Dropped[Unproven] == 0 {
			t.Errorf("heard %+v", got)
		}
	})
}

// Ensure recorded beats of a process that has ended do not make it look alive to anybody, a new process included.
func TestRecordedBeats(t *testing.T) {
	modes(t, func(t *testing.T, secret string) {
		n := newNetwork()
		a, b := n.boot(t, "a", secret, time.Hour), n.boot(t, "b", secret, time.Minute)
		a.ticks(10*time.Second, leading)
		recorded := n.sent(addrA, addrB)
		a.stop()
		pass(2 * time.Second)
		at := b.of("a").At
		replay := func() {
			for _, p := range recorded {
				n.inject(p.data, p.from, p.to)
				pass(200 * time.Millisecond)
			}
		}
		replay()
		if b.of("a").At != at {
			t.Error("repeated beats count")
		}
		b.stop()
		b = n.boot(t, "b", secret, time.Minute)
		replay()
		if got := b.of("a"); got.At != 0 {
			t.Errorf("a new process heard %+v", got)
		}
		again := n.boot(t, "a", secret, 0) // rebooted: its clock begins anew
		again.ticks(time.Second, leading)
		if b.age("a") > 200*core.Millisecond {
			t.Errorf("after the reboot: last heard %s ago", b.age("a"))
		}
		replay()
		if b.age("a") < 8*core.Second {
			t.Errorf("beats of a former process count after the reboot: last heard %s ago", b.age("a"))
		}
	})
}

// Ensure beats that were held back make a dead leader look alive for two seconds at most, however they are dealt out.
func TestHeldBackBeats(t *testing.T) {
	modes(t, func(t *testing.T, secret string) {
		n := newNetwork()
		a, b := n.boot(t, "a", secret, time.Hour), n.boot(t, "b", secret, time.Minute)
		a.ticks(3*time.Second, leading)
		n.lose(func(from, to netip.AddrPort) bool { return from == addrA && to == addrB })
		n.sent(addrA, addrB)
		a.ticks(10*time.Second, leading)
		held := n.sent(addrA, addrB)
		a.stop()
		dead := b.Clock()
		for _, p := range held {
			n.inject(p.data, p.from, p.to)
			pass(200 * time.Millisecond)
		}
		if at := b.of("a").At; at.Sub(dead) > 2*core.Second {
			t.Errorf("looked alive for %s", at.Sub(dead))
		}
	})
}

// Ensure a host whose clock stood still, as in a frozen virtual machine, is heard again at once.
func TestClockThatStoodStill(t *testing.T) {
	modes(t, func(t *testing.T, secret string) {
		n := newNetwork()
		a, b := n.boot(t, "a", secret, time.Hour), n.boot(t, "b", secret, time.Minute)
		a.ticks(3*time.Second, leading)
		b.mu.Lock()
		*b.offset += 30 * time.Second
		b.mu.Unlock()
		a.ticks(time.Second, leading)
		if b.age("a") > 200*core.Millisecond {
			t.Errorf("last heard %s ago", b.age("a"))
		}
	})
}

// Ensure what should not be believed is dropped, counted, and logged once in a minute.
func TestDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork()
		b := n.boot(t, "b", secret, time.Minute)
		beat := message{cluster: "/service/demo", from: "a", session: 9, kind: kindBeat, beat: core.Beat{Epoch: 1, SentAt: 1}}
		foreign, stranger, own := beat, beat, beat
		foreign.cluster = "/service/other"
		stranger.from = "x"
		own.from = "b"
		data := func(m message, secret string) []byte {
			d, err := encode(m, []byte(secret))
			if err != nil {
				t.Fatal(err)
			}
			return d
		}
		for _, c := range []struct {
			data []byte
			want Fault
		}{
			{nil, Malformed},
			{[]byte("hello"), Malformed},
			{[]byte(strings.Repeat("x", 5000)), Oversized},
			{data(beat, "another secret altogether"), Forged},
			{data(foreign, secret), Foreign},
			{data(stranger, secret), Stranger},
			{data(own, secret), Stranger},
			{data(beat, secret), Unproven},
		} {
			before := b.Counts().Dropped[c.want]
			n.inject(c.data, addrA, addrB)
			synctest.Wait()
			if got := b.Counts().Dropped; got[c.want] != before+1 {
				t.Errorf("%.60q: dropped %v, want %s", c.data, got, c.want)
			}
		}
		if len(b.Heard()) != 0 || b.nudged() {
			t.Errorf("heard %+v", b.Heard())
		}
		lines := func() int { return strings.Count(b.log.String(), "heartbeat dropped") }
		if lines() != 1 {
			t.Errorf("%d lines:\n%s", lines(), b.log)
		}
		pass(time.Minute)
		n.inject(nil, addrA, addrB)
		synctest.Wait()
		if lines() != 2 {
			t.Errorf("%d lines after a minute", lines())
		}
	})
}

// Ensure that without a secret a member is heard from its own host only, and nobody before the members are known.
func TestSourceWithoutSecret(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork()
		a, b := n.boot(t, "a", "", time.Hour), n.boot(t, "b", "", time.Minute)
		b.Meet(nil)
		a.ticks(time.Second, leading)
		if len(b.Heard()) != 0 {
			t.Errorf("heard %+v", b.Heard())
		}
		b.Meet(members("a", "b"))
		a.ticks(time.Second, leading)
		if b.age("a") > 200*core.Millisecond {
			t.Error("not heard")
		}
		a.Tell(nil)
		pass(time.Second)
		beat := core.Beat{Name: "a", Epoch: 8, SentAt: a.Clock()}
		forged, err := encode(message{cluster: "/service/demo", from: "a", session: a.session, kind: kindBeat, beat: beat}, nil)
		if err != nil {
			t.Fatal(err)
		}
		n.inject(forged, addrC, addrB)
		synctest.Wait()
		if got := b.of("a").Beat.Epoch; got != 7 {
			t.Errorf("epoch %d", got)
		}
		n.inject(forged, addrA, addrB)
		synctest.Wait()
		if got := b.of("a").Beat.Epoch; got != 8 {
			t.Errorf("epoch %d: the test proves nothing", got)
		}
	})
}

// Ensure that with a secret a supervisor is heard before the members are known, and not once they are and it is none.
func TestBeforeMembersAreKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork()
		a := n.boot(t, "a", secret, time.Hour)
		b := New(Config{Cluster: "demo", Namespace: "/service", Name: "b", Secret: []byte(secret), Interval: a.Interval, Clock: a.Clock, Log: a.Log})
		b.open(n.plug(addrB), bubbleAlarm{time.AfterFunc(time.Hour, b.silent)})
		defer b.Close()
		a.ticks(time.Second, leading)
		if len(b.Heard()) != 1 {
			t.Errorf("heard %+v", b.Heard())
		}
		b.Meet(members("b", "c"))
		a.ticks(time.Second, leading)
		if len(b.Heard()) != 0 {
			t.Errorf("heard %+v", b.Heard())
		}
	})
}
