// SPDX-License-Identifier: Apache-2.0

package watchdog

import (
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
)

// started is a watchdog on a fake kernel, in a bubble whose clock begins at an hour.
func started(m Mode, k *fakeKernel) (w *Watchdog, now func() core.Instant) {
	start := time.Now()
	now = func() core.Instant { return core.Instant(time.Hour + time.Since(start)) }
	w = New(Config{
		Mode: m, Device: "/dev/watchdog", Timeout: 25 * time.Second, RenewEvery: 7500 * time.Millisecond,
		Now: now, Log: slog.New(slog.DiscardHandler), Kernel: k,
	})
	w.Start()
	return w, now
}

func check(t *testing.T, what string, w *Watchdog, ready, pending, armed bool) {
	t.Helper()
	synctest.Wait()
	if s := w.Status(); w.Ready() != ready || w.Pending() != pending || s.Armed != armed || s.Failed == ready {
		t.Errorf("%s: ready %v, pending %v, %+v; want %v, %v, armed %v", what, w.Ready(), w.Pending(), s, ready, pending, armed)
	}
}

// Ensure what the loop sees from start to end, and that it is woken by every change.
func TestWatchdog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newFakeKernel()
		w, now := started(Required, k)
		check(t, "started", w, true, true, false)
		<-w.Changed()
		if w.Reserve() != 25*core.Second {
			t.Errorf("reserve %s", w.Reserve())
		}
		w.Hold(now().Add(30 * core.Second))
		<-w.Changed()
		check(t, "elected", w, true, false, true)
		<-time.After(time.Second)
		fed := now()
		w.Hold(fed.Add(30 * core.Second))
		synctest.Wait()
		if s := w.Status(); s.Timeout != 25*time.Second || s.Fires != fed.Add(25*core.Second) || len(w.Changed()) != 0 {
			t.Errorf("fed at %d: %+v, changed %d", fed, s, len(w.Changed()))
		}
		w.Hold(0)
		<-w.Changed()
		check(t, "down", w, true, true, false)
		if s := w.Status(); s.Timeout != 0 || s.Fires != 0 {
			t.Errorf("stopped: %+v", s)
		}
		w.Hold(now().Add(30 * core.Second))
		w.Close()
		check(t, "closed before the last word was carried out", w, true, false, true)
		if !k.running {
			t.Error("an armed device was stopped at the end")
		}
	})
}

// Ensure a device that appears later makes a member with a required watchdog able to lead.
func TestAppearsLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newFakeKernel()
		k.missing = true
		w, now := started(Required, k)
		defer w.Close()
		check(t, "missing", w, false, false, false)
		w.Hold(now().Add(30 * core.Second))
		check(t, "missing, leading", w, false, false, false)
		<-w.Changed()
		k.mu.Lock()
		k.missing = false
		k.mu.Unlock()
		<-w.Changed()
		check(t, "there", w, true, true, false)
	})
}

// Ensure a driver that hangs keeps neither the loop nor, beyond a while, the promotion waiting.
func TestHangingDriver(t *testing.T) {
	for _, m := range []Mode{Automatic, Required} {
		synctest.Test(t, func(t *testing.T) {
			k := newFakeKernel()
			k.block = make(chan struct{})
			w, now := started(m, k)
			for range 4 {
				w.Hold(now().Add(30 * core.Second))
				check(t, "hanging", w, true, true, false)
				<-time.After(time.Second)
			}
			<-time.After(time.Second)
			check(t, "hanging for long", w, m == Automatic, false, false)
			if w.Status().Message == "" {
				t.Error("no message")
			}
			w.Close()
			close(k.block)
			check(t, "came back", w, true, false, true)
		})
	}
}

// Ensure mode off touches nothing and keeps nobody from leading.
func TestOff(t *testing.T) {
	k := newFakeKernel()
	k.running = true
	w, now := started(Off, k)
	w.Hold(now().Add(30 * core.Second))
	w.Hold(0)
	w.Close()
	if s := w.Status(); !w.Ready() || w.Pending() || w.Reserve() != 0 || s.Armed || s.Failed || s.Message != "" || k.take() != "" {
		t.Errorf("off: %+v, reserve %s", s, w.Reserve())
	}
}

// Ensure an automatic watchdog is planned with only if there is one.
func TestAutomaticReserve(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newFakeKernel()
		w, _ := started(Automatic, k)
		defer w.Close()
		k = newFakeKernel()
		k.missing = true
		without, _ := started(Automatic, k)
		defer without.Close()
		if w.Reserve() != 25*core.Second || without.Reserve() != 0 {
			t.Errorf("with %s, without %s", w.Reserve(), without.Reserve())
		}
		check(t, "without", without, true, false, false)
	})
}
