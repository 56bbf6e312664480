// SPDX-License-Identifier: Apache-2.0

package api

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
	"github.com/pgvigil/pgvigil/supervisor/internal/status"
)

// switchover moves the leadership on purpose. Body: leader, candidate, cut_clients.
func (s *Server) switchover(w http.ResponseWriter, r *http.Request) {
	var leader, candidate string
	var cut bool
	var at any
	f := fields{"leader": &leader, "candidate": &candidate, "cut_clients": &cut, "scheduled_at": &at}.read(w, r)
	switch {
	case f != nil:
	case at != nil:
		f = badRequest("scheduled_at: switchovers cannot be scheduled in this version")
	case leader != "" && leader == candidate:
		f = badRequest("candidate: %q is the leader that is to be replaced", clip(leader))
	}
	s.operate(w, r, f, status.Request{Kind: string(core.Switchover), From: leader, To: candidate, Force: cut})
}

// failover makes a member the leader while there is none. With a leader named, it is a switchover, as with Patroni.
func (s *Server) failover(w http.ResponseWriter, r *http.Request) {
	var leader, candidate string
	var force bool
	f := fields{"leader": &leader, "candidate": &candidate, "accept_data_loss": &force}.read(w, r)
	switch {
	case f != nil:
	case candidate == "":
		f = badRequest("candidate: a failover needs the name of the member to lead")
	case force && leader != "":
		f = badRequest("accept_data_loss: with a leader named, this is a switchover, which loses nothing")
	}
	kind := core.Failover
	if leader != "" {
		kind = core.Switchover
	}
	s.operate(w, r, f, status.Request{Kind: string(kind), From: leader, To: candidate, Force: force})
}

// reinitialize replaces a member's data directory by a copy of the leader's. Body: member, by default this one. It
// is not waited for unless asked: copying may take hours.
func (s *Server) reinitialize(w http.ResponseWriter, r *http.Request) {
	var member string
	var force, fromLeader bool
	f := fields{"member": &member, "force": &force, "from-leader": &fromLeader, "from_leader": &fromLeader}.read(w, r)
	if v := s.current(); member == "" && v != nil {
		member = v.Name
	}
	q := r.URL.Query()
	if !q.Has("wait") {
		q.Set("wait", "false")
		r.URL.RawQuery = q.Encode()
	}
	s.operate(w, r, f, status.Request{Kind: string(core.Reinit), To: member})
}

// withdraw exists because Patroni's clients ask: nothing can be scheduled, and what has begun runs to its end.
func (s *Server) withdraw(w http.ResponseWriter, _ *http.Request) {
	v := s.current()
	switch {
	case v == nil:
		notYet(w)
	case v.pending() != nil:
		op := v.pending()
		(&failure{http.StatusConflict, fmt.Sprintf("%s %s has begun and cannot be withdrawn", op.Kind, op.ID), op}).write(w)
	default:
		fail(w, http.StatusNotFound, "no switchover is scheduled")
	}
}

// configure changes what may be changed at run time: pause.
func (s *Server) configure(w http.ResponseWriter, r *http.Request) {
	var pause json.RawMessage
	f := fields{"pause": &pause}.read(w, r)
	request := status.Request{By: caller(r)}
	switch {
	case f != nil:
	case len(pause) == 0:
		f = badRequest("nothing to change: give pause")
	case string(pause) == "true":
		request.Kind = status.Pause
	case string(pause) == "false" || string(pause) == "null":
		request.Kind = status.Resume
	default:
		f = badRequest("pause: must be true, false or null")
	}
	if f == nil {
		_, f = s.submit(r.Context(), request)
	}
	if f != nil {
		f.write(w)
		return
	}
	writeJSON(w, http.StatusOK, patroniConfig{request.Kind == status.Pause, seconds(s.current().TTL), s.config.MaximumLag})
}
