// SPDX-License-Identifier: Apache-2.0

package api

import (
	"net/http"
	"time"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
)

// patroniCluster is the topology document as Patroni writes it.
type patroniCluster struct {
	Members []patroniMember `json:"members"`
	Scope   string          `json:"scope"`
	Pause   bool            `json:"pause,omitempty"`
	// Quorum is beyond what Patroni tells.
	Quorum *Quorum `json:"quorum,omitempty"`
}

// patroniMember is a member there. The lags are bytes, or "unknown"; a leader has none.
type patroniMember struct {
	Name           string            `json:"name"`
	Role           string            `json:"role"`
	State          string            `json:"state"`
	APIURL         string            `json:"api_url"`
	Host           string            `json:"host"`
	Port           uint16            `json:"port"`
	Timeline       core.Timeline     `json:"timeline,omitempty"`
	PendingRestart bool              `json:"pending_restart,omitempty"`
	Tags           map[string]string `json:"tags,omitempty"`
	ReceiveLSN     string            `json:"receive_lsn,omitempty"`
	ReceiveLag     any               `json:"receive_lag,omitempty"`
	ReplayLSN      string            `json:"replay_lsn,omitempty"`
	ReplayLag      any               `json:"replay_lag,omitempty"`
	LSN            string            `json:"lsn,omitempty"`
	Lag            any               `json:"lag,omitempty"`
}

func (s *Server) cluster(w http.ResponseWriter, _ *http.Request) {
	s.prepared(w, func(v *view) []byte { return v.topology() })
}

func (v *view) cluster() patroniCluster {
	doc := patroniCluster{Members: []patroniMember{}, Scope: v.Cluster, Pause: v.paused()}
	if v.View == nil {
		return doc
	}
	doc.Quorum = v.describeQuorum()
	for _, m := range v.View.Members {
		doc.Members = append(doc.Members, v.patroniMember(m.Value))
	}
	return doc
}

func (v *view) patroniMember(m core.Member) patroniMember {
	out := patroniMember{
		Name: m.Name, Role: "replica", State: v.memberState(m), APIURL: v.url(m) + "/patroni", Host: m.Host, Port: m.Port,
		Timeline: m.Timeline, PendingRestart: len(m.PendingRestart) > 0, Tags: m.Tags,
	}
	switch c := v.Cohort(); {
	case m.Name == v.leader():
		out.Role = "leader"
		return out
	case v.synchronousMember(m.Name) && c.K == len(c.Members)-1:
		out.Role = "sync_standby"
	case v.synchronousMember(m.Name):
		out.Role = "quorum_standby"
	}
	if m.Role != core.RoleStandby || m.Status != core.StatusRunning || v.stale(m.Name) {
		out.Lag = "unknown"
		return out
	}
	out.ReceiveLSN, out.ReplayLSN, out.LSN = m.LSN.String(), m.Replayed.String(), m.LSN.String()
	out.ReceiveLag, out.ReplayLag = v.behind(m.LSN), v.behind(m.Replayed)
	out.Lag = out.ReplayLag
	return out
}

// url is the base of a member's interface, such as "http://10.0.0.1:8008".
func (v *view) url(m core.Member) string { return v.scheme + "://" + m.API }

// memberState is what a member says of itself, or "unknown" when it has not said anything for long.
func (v *view) memberState(m core.Member) string {
	state := stateWord(m.Status, m.Job)
	switch {
	case v.stale(m.Name):
		return "unknown"
	case state == string(core.StatusRunning) && m.Role == core.RoleStandby && m.Streaming:
		return "streaming"
	}
	return state
}

// history answers as Patroni does: [timeline that ended, its last position, why, when, who leads since].
func (s *Server) history(w http.ResponseWriter, _ *http.Request) {
	s.prepared(w, func(v *view) []byte { return encode(v.patroniHistory()) })
}

func (v *view) patroniHistory() [][5]any {
	rows := [][5]any{}
	if v.View == nil {
		return rows
	}
	before := core.Timeline(0)
	for _, h := range v.View.History {
		if before != 0 {
			rows = append(rows, [5]any{before, h.Value.SwitchLSN, h.Value.Reason, wallClock(h.Value.At), h.Value.Leader})
		}
		before = h.Value.Timeline
	}
	return rows
}

// wallClock writes Unix nanoseconds as people read them.
func wallClock(unixNano int64) string {
	if unixNano == 0 {
		return ""
	}
	return time.Unix(0, unixNano).UTC().Format(time.RFC3339Nano)
}

// patroniConfig is what can be seen, and in part changed, at run time.
type patroniConfig struct {
	Pause      bool    `json:"pause"`
	TTL        float64 `json:"ttl"`
	MaximumLag uint64  `json:"maximum_lag_on_failover"`
}

func (s *Server) configuration(w http.ResponseWriter, _ *http.Request) {
	v := s.current()
	if v == nil {
		notYet(w)
		return
	}
	writeJSON(w, http.StatusOK, patroniConfig{v.paused(), seconds(v.TTL), s.config.MaximumLag})
}

func seconds(d core.Span) float64 { return float64(d/core.Millisecond) / 1000 }
