// SPDX-License-Identifier: Apache-2.0

package api

import (
	"encoding/json"
	"slices"
	"sync"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
	"github.com/pgvigil/pgvigil/supervisor/internal/status"
)

// view is one snapshot with what is derived from it. It is made once per snapshot and shared by all requests;
// documents are made when first asked for.
type view struct {
	*status.Snapshot

	// scheme of the members' interfaces: all have TLS, or none.
	scheme  string
	running bool
	role    core.Role
	// self is the member's own record, zero when the DCS has none.
	self core.Member
	// noloadbalance keeps this member out of /replica.
	noloadbalance bool
	// voter tells that this member counts for quorum commits.
	voter bool
	// end is the last known position of the leader, 0 when there is none.
	end core.LSN

	document func() []byte
	topology func() []byte
}

// current is the view of the latest snapshot; nil before the first.
func (s *Server) current() *view {
	snap := s.config.Source.Snapshot()
	if v := s.view.Load(); v != nil && v.Snapshot == snap {
		return v
	}
	if snap == nil {
		return nil
	}
	v := newView(snap, s.scheme())
	s.view.Store(v)
	return v
}

func (s *Server) scheme() string {
	if s.config.TLS != nil {
		return "https"
	}
	return "http"
}

func newView(snap *status.Snapshot, scheme string) *view {
	v := &view{Snapshot: snap, scheme: scheme}
	v.document = sync.OnceValue(func() []byte { return encode(v.patroni()) })
	v.topology = sync.OnceValue(func() []byte { return encode(v.cluster()) })
	if p := snap.Postgres; p != nil {
		v.running, v.role = p.Status == core.StatusRunning, p.Role
	}
	if snap.View == nil {
		return v
	}
	v.self = snap.View.Member(snap.Name).Value
	v.noloadbalance = v.self.Tags["noloadbalance"] == "true"
	v.voter = v.synchronousMember(snap.Name)
	v.end = snap.LeaderEnd()
	return v
}

// encode cannot fail: the documents are plain structs.
func encode(doc any) []byte {
	body, err := json.Marshal(doc)
	if err != nil {
		return []byte("{}\n")
	}
	return append(body, '\n')
}

// leader is the name of the member whose leadership is in force; empty when none is.
func (v *view) leader() string {
	if v.View == nil || !v.LeaderLive || v.View.Leader.Value.Released {
		return ""
	}
	return v.View.Leader.Value.Holder
}

// paused tells whether the cluster is left alone.
func (v *view) paused() bool { return v.View != nil && v.View.Config.Value.Paused }

// stale tells whether a member's supervisor is taken for dead.
func (v *view) stale(name string) bool { return slices.Contains(v.Stale, name) }

// behind is how far at is behind the leader, in bytes.
func (v *view) behind(at core.LSN) uint64 {
	if at >= v.end {
		return 0
	}
	return uint64(v.end - at)
}

// fresh tells whether loop and PostgreSQL plugin have reported lately: what they said last still counts.
func (v *view) fresh(now core.Instant) bool {
	return now.Sub(v.At) < 2*v.TTL && v.Postgres != nil && now.Sub(v.Postgres.At) < 2*v.TTL
}
