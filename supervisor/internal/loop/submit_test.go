// SPDX-License-Identifier: Apache-2.0

package loop

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
	"github.com/pgvigil/pgvigil/supervisor/internal/status"
)

// led is a primary with a standby b that keeps saying it is well.
func led(t *testing.T) *node {
	t.Helper()
	n := newNode(t, "a", newRegister())
	n.start()
	n.primary()
	b := core.Member{Instance: "b", Token: "b", Status: core.StatusRunning, Role: core.RoleStandby, SystemID: 7001}
	n.dcs.put(core.KeyMember("b"), b)
	await(t, "b", time.Second, func() bool { return n.Snapshot().View.Member("b").Exists() })
	return n
}

// Ensure an operation is written to the DCS as it was asked for.
func TestSubmit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := led(t)
		op, err := n.Submit(t.Context(), status.Request{Kind: "reinit", To: "b", By: "somebody"})
		if err != nil {
			t.Fatal(err)
		}
		got := record[core.Operation](n.dcs, core.KeyOperation)
		if got != op || got.ID == "" || got.Kind != core.Reinit || got.To != "b" || got.By != "somebody" || got.State != core.Pending || got.At != time.Now().Add(-latency).UnixNano() {
			t.Errorf("operation %+v, answered %+v", got, op)
		}
		_, err = n.Submit(t.Context(), status.Request{Kind: "reinit", To: "b"})
		refused(t, err)
	})
}

// refused wants an error that is the core's or the register's word, not a failure.
func refused(t *testing.T, err error) {
	t.Helper()
	if r := (*core.Refusal)(nil); !errors.As(err, &r) {
		t.Errorf("error %v, want a refusal", err)
	}
}

// Ensure requests that would be in vain change nothing.
func TestSubmitRefused(t *testing.T) {
	for name, r := range map[string]status.Request{
		"no such member":  {Kind: "switchover", To: "z"},
		"leads already":   {Kind: "switchover", To: "a"},
		"no candidate":    {Kind: "failover"},
		"unknown kind":    {Kind: "upgrade", To: "b"},
		"wrong leader":    {Kind: "switchover", From: "b"},
		"copy the leader": {Kind: "reinit", To: "a"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := led(t)
				_, err := n.Submit(t.Context(), r)
				refused(t, err)
				if len(n.dcs.sentTo(core.KeyOperation)) != 0 {
					t.Error("it was sent all the same")
				}
			})
		})
	}
}

// Ensure what becomes of a request in the DCS is told apart: somebody was faster, not taken, not known.
func TestSubmitFails(t *testing.T) {
	for name, c := range map[string]struct {
		spoil   func(*node)
		refusal bool
		want    string
	}{
		"conflict": {func(n *node) {
			n.dcs.set(func(r *register) { r.stalled = true })
			n.dcs.put(core.KeyConfig, core.Config{})
		}, true, "somebody else changed config at the same time; look and try again"},
		"not sent": {func(n *node) { n.dcs.set(func(r *register) { r.fault = down }) }, false, "the DCS did not take the request: plugin is down"},
		"no answer": {func(n *node) { n.dcs.set(func(r *register) { r.fault = hangs }) }, false,
			"the DCS did not confirm the request, it may still be carried out: context deadline exceeded"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := led(t)
				c.spoil(n)
				_, err := n.Submit(t.Context(), status.Request{Kind: status.Pause})
				if err == nil || err.Error() != c.want {
					t.Errorf("error %v, want %q", err, c.want)
				}
				if r := (*core.Refusal)(nil); errors.As(err, &r) != c.refusal {
					t.Errorf("error %T", err)
				}
			})
		})
	}
}

// Ensure nothing is taken before the DCS was read.
func TestSubmitTooEarly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t, "a", newRegister())
		n.dcs.set(func(r *register) { r.fault = hangs })
		n.start()
		await(t, "first tick", time.Second, func() bool { return n.Snapshot() != nil })
		if _, err := n.Submit(t.Context(), status.Request{Kind: status.Pause}); err == nil {
			t.Error("taken")
		}
	})
}

// Ensure a paused primary outlives an outage of the DCS, without a deadman and a watchdog, and gets both back.
func TestPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := led(t)
		submit(t, n, status.Pause)
		await(t, "pause", 2*time.Second, func() bool { s := n.Snapshot(); return s.Hold.Indefinite && s.Deadman.ArmedUntil == 0 })
		submit(t, n, status.Pause) // again: nothing to do
		if got := len(n.dcs.sentTo(core.KeyConfig)); got != 1 {
			t.Errorf("%d writes of the configuration", got)
		}
		n.dcs.set(func(r *register) { r.fault = hangs })
		pass(20 * time.Second)
		if look(&n.pg.mu, &n.pg.killedIn) != 0 || n.dog.held() != 0 {
			t.Errorf("killed %d times, watchdog held until %d", n.pg.killedIn, n.dog.held())
		}
		n.dcs.set(func(r *register) { r.fault = works })
		await(t, "DCS", 5*time.Second, func() bool { return n.clock().Sub(n.Snapshot().DCSSeen) < core.Second })
		submit(t, n, status.Resume)
		await(t, "end of the pause", 5*time.Second, func() bool {
			s := n.Snapshot()
			return !s.Hold.Record.Paused && s.Deadman.ArmedUntil > s.At && n.dog.held() > s.At
		})
		if look(&n.pg.mu, &n.pg.killedIn) != 0 {
			t.Error("killed on the way")
		}
	})
}

func submit(t *testing.T, n *node, kind string) {
	t.Helper()
	if _, err := n.Submit(t.Context(), status.Request{Kind: kind}); err != nil {
		t.Fatal(err)
	}
	pass(10 * time.Millisecond)
}
