// SPDX-License-Identifier: Apache-2.0

package api

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
)

// patroniStatus is the status document as Patroni 4 writes it.
type patroniStatus struct {
	State            string            `json:"state"`
	Message          string            `json:"message,omitempty"`
	PostmasterStart  string            `json:"postmaster_start_time,omitempty"`
	Role             string            `json:"role"`
	ServerVersion    uint32            `json:"server_version,omitempty"`
	Xlog             *patroniXlog      `json:"xlog,omitempty"`
	Timeline         core.Timeline     `json:"timeline,omitempty"`
	ReplicationState string            `json:"replication_state,omitempty"`
	Replication      []patroniSender   `json:"replication,omitempty"`
	QuorumStandby    bool              `json:"quorum_standby,omitempty"`
	Pause            bool              `json:"pause,omitempty"`
	ClusterUnlocked  bool              `json:"cluster_unlocked,omitempty"`
	PendingRestart   bool              `json:"pending_restart,omitempty"`
	WatchdogFailed   bool              `json:"watchdog_failed,omitempty"`
	DCSLastSeen      int64             `json:"dcs_last_seen"`
	SystemID         string            `json:"database_system_identifier,omitempty"`
	Tags             map[string]string `json:"tags,omitempty"`
	Epoch            core.Epoch        `json:"epoch"`
	Patroni          patroniIdentity   `json:"patroni"`
}

type patroniIdentity struct {
	Version string `json:"version"`
	Scope   string `json:"scope"`
	Name    string `json:"name"`
}

// patroniXlog has Location on a primary and the rest on a standby.
type patroniXlog struct {
	Location          *core.LSN `json:"location,omitempty"`
	ReceivedLocation  *core.LSN `json:"received_location,omitempty"`
	ReplayedLocation  *core.LSN `json:"replayed_location,omitempty"`
	ReplayedTimestamp *string   `json:"replayed_timestamp,omitempty"`
	Paused            *bool     `json:"paused,omitempty"`
}

type patroniSender struct {
	ApplicationName string `json:"application_name"`
	State           string `json:"state"`
	SyncState       string `json:"sync_state"`
}

func (s *Server) patroni(w http.ResponseWriter, _ *http.Request) {
	s.prepared(w, func(v *view) []byte { return v.document() })
}

// prepared answers with a document that is made once per snapshot.
func (s *Server) prepared(w http.ResponseWriter, body func(*view) []byte) {
	v := s.current()
	if v == nil {
		notYet(w)
		return
	}
	writeBody(w, http.StatusOK, body(v))
}

func (v *view) patroni() patroniStatus {
	doc := patroniStatus{
		State:           stateWord("", ""),
		Role:            "uninitialized",
		QuorumStandby:   v.voter && v.role == core.RoleStandby,
		Pause:           v.paused(),
		ClusterUnlocked: v.leader() == "",
		WatchdogFailed:  v.Watchdog.Failed,
		DCSLastSeen:     v.DCSSeenUnix,
		Tags:            v.self.Tags,
		Patroni:         patroniIdentity{v.Version, v.Cluster, v.Name},
	}
	if v.View != nil {
		doc.Epoch = v.View.Epoch.Value.Epoch
	}
	if v.Postgres != nil {
		v.describePostgres(&doc)
	}
	return doc
}

func (v *view) describePostgres(doc *patroniStatus) {
	p := v.Postgres
	doc.State = stateWord(p.Status, v.jobKind())
	doc.Message = p.Message
	doc.Role = patroniRole(p.Role)
	doc.ServerVersion = p.ServerVersion
	doc.Timeline = p.Timeline
	doc.PendingRestart = len(p.PendingRestart) > 0
	if p.SystemID != 0 {
		doc.SystemID = strconv.FormatUint(p.SystemID, 10)
	}
	if p.StartedUnix != 0 {
		doc.PostmasterStart = patroniTime(p.StartedUnix)
	}
	if p.Status != core.StatusRunning {
		return
	}
	doc.ReplicationState = v.replicationState()
	doc.Xlog = xlogOf(p)
	for _, s := range p.Senders {
		doc.Replication = append(doc.Replication, patroniSender{s.Member, s.State, s.SyncState})
	}
}

func (v *view) jobKind() string {
	if v.Job == nil {
		return ""
	}
	return string(v.Job.Kind)
}

func xlogOf(p *core.Postgres) *patroniXlog {
	if p.Role == core.RolePrimary {
		return &patroniXlog{Location: &p.LSN}
	}
	x := &patroniXlog{ReceivedLocation: &p.Received, ReplayedLocation: &p.Replayed, Paused: &p.ReplayPaused}
	if p.ReplayedAtUnix != 0 {
		at := patroniTime(p.ReplayedAtUnix)
		x.ReplayedTimestamp = &at
	}
	return x
}

// replicationState is where a running standby gets its WAL from, in Patroni's words; empty on others.
func (v *view) replicationState() string {
	p := v.Postgres
	switch {
	case p == nil || p.Status != core.StatusRunning || p.Role != core.RoleStandby:
		return ""
	case p.Receiver != nil:
		return p.Receiver.Status
	}
	return "in archive recovery"
}

func patroniTime(unix int64) string {
	return time.Unix(unix, 0).UTC().Format("2006-01-02 15:04:05.000000-07:00")
}

func patroniRole(r core.Role) string {
	switch r {
	case core.RolePrimary:
		return "primary"
	case core.RoleStandby:
		return "replica"
	}
	return "uninitialized"
}

// stateWord is the state of an instance in Patroni's words, where it has one.
func stateWord(status core.Status, job string) string {
	switch kind, _, _ := strings.Cut(job, " "); core.ActionKind(kind) {
	case core.ActBootstrap:
		return "initializing new cluster"
	case core.ActClone:
		return "creating replica"
	case core.ActRewind:
		return "rewinding"
	}
	switch status {
	case core.StatusUnknown:
		return "unknown"
	case core.StatusUnusable:
		return "start failed"
	}
	return string(status)
}
