// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"

	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
)

// A standby is promoted with the value asked for, settled, while another one streams from it all the time; if it may hold
// the beginning of a record, with a value nobody satisfies first, and whoever streamed from it begins anew.
func TestPromoteWithoutDetach(t *testing.T) {
	eachVersion(t, func(t *testing.T, bin string) { promoteUnderStandby(t, bin, false) })
	all := versions(t)
	t.Run("not known", func(t *testing.T) { promoteUnderStandby(t, all[len(all)-1], true) })
}

func promoteUnderStandby(t *testing.T, bin string, unknown bool) {
	a, b := pair(t, bin)
	c := newHost(t, bin, "gamma")
	_, err := b.client().Apply(within(t), &pluginv1.ApplyRequest{Epoch: 1, Members: []string{"gamma"}})
	must(t, "apply", err)
	c.clone(t, b)
	c.start(t, b)
	c.awaitStreaming(t)
	a.stop(t, 0)
	if unknown { // the startup process does not come to rest
		b.mustSQL(t, "SELECT pg_wal_replay_pause()")
	}
	const sender, names = "SELECT pid FROM pg_stat_replication", `ANY 1 ("alpha", "gamma")`
	before := b.mustSQL(t, sender)
	for range 2 {
		must(t, "promotion", finish(b.client().Promote(within(t), &pluginv1.PromoteRequest{
			Epoch: 1, MinTimeline: 2, Members: []string{"alpha", "gamma"}, SynchronousStandbyNames: names,
		})))
	}
	state := b.await(t, "primary", func(o *pluginv1.ObserveResponse) bool { return o.GetRole() == pluginv1.Role_ROLE_PRIMARY })
	if !state.GetSyncSettled() || state.GetSyncBarrierLsn() == 0 || state.GetSynchronousStandbyNames() != names {
		t.Errorf("after the promotion: %v", state)
	}
	b.mustSQL(t, "CREATE TABLE load (i int)") // gamma acknowledges
	if after := b.mustSQL(t, sender); (after != before) != unknown {
		t.Errorf("gamma was served by process %s, and is by %s", before, after)
	}
	if got := b.mustSQL(t, "SELECT pg_read_file('postgresql.conf')"); strings.Contains(got, "held by pgvigil") {
		t.Error("still held")
	}
	b.stop(t, 0)
	c.stop(t, 0)
}
