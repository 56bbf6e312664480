// SPDX-License-Identifier: Apache-2.0

package api

import (
	"strings"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
	"github.com/pgvigil/pgvigil/supervisor/internal/watchdog"
)

// is makes a gauge of a predicate.
func is(name, help string, f func(*view, core.Instant) bool) gauge {
	return gauge{name: name, help: help, value: func(v *view, now core.Instant) (float64, bool) { return number(f(v, now)), true }}
}

// of makes a gauge of the local instance, without a value before the first report.
func of(name, help string, f func(*core.Postgres) float64) gauge {
	return gauge{name: name, help: help, value: func(v *view, _ core.Instant) (float64, bool) {
		if v.Postgres == nil {
			return 0, false
		}
		return f(v.Postgres), true
	}}
}

// wal is a position in the log. It counts as a counter, as with Patroni.
func wal(name, help string, f func(*core.Postgres) core.LSN) gauge {
	g := of(name, help, func(p *core.Postgres) float64 { return float64(f(p)) })
	g.counter = true
	return g
}

// onPrimary and onStandby are a position that the other role does not have: 0.
func onPrimary(p *core.Postgres) core.LSN {
	if p.Role == core.RolePrimary {
		return p.LSN
	}
	return 0
}

func onStandby(p *core.Postgres, at core.LSN) core.LSN {
	if p.Role == core.RoleStandby {
		return at
	}
	return 0
}

// patroniGauges have the names of Patroni's metrics, so that its dashboards and alerts work.
func patroniGauges() []gauge {
	return append(patroniRoles(), patroniPositions()...)
}

func patroniRoles() []gauge {
	const holds = "1 if this member leads and accepts writes."
	return []gauge{
		{name: "patroni_version", help: "Version without dots.", value: func(v *view, _ core.Instant) (float64, bool) { return versionNumber(v.Version), true }},
		is("patroni_postgres_running", "1 if PostgreSQL is running.", func(v *view, _ core.Instant) bool { return v.running }),
		is("patroni_primary", holds, (*view).primary),
		is("patroni_master", holds, (*view).primary),
		is("patroni_standby_leader", "1 if this member leads a standby cluster.", (*view).never),
		is("patroni_replica", "1 if this member is a running standby.", func(v *view, _ core.Instant) bool { return v.running && v.role == core.RoleStandby }),
		is("patroni_sync_standby", "1 if every commit waits for this standby.", (*view).synchronous),
		is("patroni_quorum_standby", "1 if commits are counted on this standby.", (*view).quorum),
		is("patroni_cluster_unlocked", "1 if nobody leads.", func(v *view, _ core.Instant) bool { return v.leader() == "" }),
		is("patroni_failsafe_mode_is_active", "0: there is no such mode.", (*view).never),
		is("patroni_is_paused", "1 if the cluster is paused.", func(v *view, _ core.Instant) bool { return v.paused() }),
		{name: "patroni_dcs_last_seen", help: "When the DCS last answered, Unix seconds.", value: func(v *view, _ core.Instant) (float64, bool) { return float64(v.DCSSeenUnix), true }},
	}
}

func patroniPositions() []gauge {
	return []gauge{
		of("patroni_postmaster_start_time", "When PostgreSQL was started, Unix seconds.", func(p *core.Postgres) float64 { return float64(p.StartedUnix) }),
		wal("patroni_xlog_location", "Position of a primary, 0 on a standby.", onPrimary),
		wal("patroni_xlog_received_location", "Received position of a standby, 0 on a primary.", func(p *core.Postgres) core.LSN { return onStandby(p, p.Received) }),
		wal("patroni_xlog_replayed_location", "Replayed position of a standby, 0 on a primary.", func(p *core.Postgres) core.LSN { return onStandby(p, p.Replayed) }),
		of("patroni_xlog_replayed_timestamp", "Time of the last replayed transaction, Unix seconds.", func(p *core.Postgres) float64 { return float64(p.ReplayedAtUnix) }),
		of("patroni_xlog_paused", "1 if replay is paused.", func(p *core.Postgres) float64 { return number(p.ReplayPaused) }),
		is("patroni_postgres_streaming", "1 if a standby streams.", func(v *view, _ core.Instant) bool { return v.replicationState() == "streaming" }),
		is("patroni_postgres_in_archive_recovery", "1 if a standby reads the archive.", func(v *view, _ core.Instant) bool { return v.replicationState() == "in archive recovery" }),
		of("patroni_postgres_server_version", "Version of PostgreSQL.", func(p *core.Postgres) float64 { return float64(p.ServerVersion) }),
		of("patroni_postgres_timeline", "Timeline of PostgreSQL, 0 if it is not running.", runningTimeline),
		of("patroni_pending_restart", "1 if settings wait for a restart.", func(p *core.Postgres) float64 { return number(len(p.PendingRestart) > 0) }),
		{name: "patroni_postgres_state", help: "State of PostgreSQL in Patroni's numbers: 0 initdb, 4 creating replica, 5 running, 6 starting, 8 start failed, 11 stopping, 12 stopped, 14 crashed, -1 none of these.",
			value: func(v *view, _ core.Instant) (float64, bool) { return v.stateNumber(), true }},
	}
}

func runningTimeline(p *core.Postgres) float64 {
	if p.Status != core.StatusRunning {
		return 0
	}
	return float64(p.Timeline)
}

func (v *view) stateNumber() float64 {
	if v.Postgres == nil {
		return -1
	}
	numbers := map[string]float64{
		"initializing new cluster": 0, "creating replica": 4, "running": 5, "starting": 6, "start failed": 8,
		"stopping": 11, "stopped": 12, "crashed": 14,
	}
	if n, ok := numbers[stateWord(v.Postgres.Status, v.jobKind())]; ok {
		return n
	}
	return -1
}

// ownGauges are what Patroni has no metric for.
func ownGauges() []gauge {
	return []gauge{
		{name: "pgvigil_leadership_remaining_seconds", help: "How long the leadership held here lasts if it is not renewed.", value: remaining},
		{name: "pgvigil_epoch", help: "Epoch of the cluster.", value: func(v *view, _ core.Instant) (float64, bool) {
			if v.View == nil {
				return 0, false
			}
			return float64(v.View.Epoch.Value.Epoch), true
		}},
		{name: "pgvigil_loop_ticks_total", help: "Turns of the loop.", counter: true, value: func(v *view, _ core.Instant) (float64, bool) { return float64(v.Tick), true }},
		{name: "pgvigil_loop_age_seconds", help: "Time since the last turn of the loop.", value: func(v *view, now core.Instant) (float64, bool) { return seconds(now.Sub(v.At)), true }},
		is("pgvigil_deadman_armed", "1 if the kernel timer over PostgreSQL is armed.", func(v *view, _ core.Instant) bool { return v.Deadman.ArmedUntil != 0 }),
		is("pgvigil_watchdog_armed", "1 if the watchdog device is armed.", func(v *view, _ core.Instant) bool { return v.Watchdog.Armed }),
		{name: "pgvigil_watchdog_timeout_seconds", help: "What the watchdog device is set to; none before it was armed.", value: func(v *view, _ core.Instant) (float64, bool) {
			return v.Watchdog.Timeout.Seconds(), v.Watchdog.Timeout != 0
		}},
		{name: "pgvigil_watchdog_remaining_seconds", help: "When the watchdog device resets the host unless it is fed.", value: func(v *view, now core.Instant) (float64, bool) {
			return seconds(v.Watchdog.Fires.Sub(now)), v.Watchdog.Fires != 0
		}},
		is("pgvigil_watchdog_last_reset", "1 if it was the watchdog that made this host boot.", func(v *view, _ core.Instant) bool { return strings.Contains(v.Watchdog.LastReset, watchdog.ByWatchdog) }),
		is("pgvigil_operation_pending", "1 if an operation is under way.", func(v *view, _ core.Instant) bool { return v.pending() != nil }),
		is("pgvigil_detached", "1 if this member has voted in an election and receives no WAL until that is over.", func(v *view, _ core.Instant) bool { return v.Voted != 0 }),
		{name: "pgvigil_cohort_members", help: "Members of the cohort, the leader among them; none with asynchronous durability.", value: ofCohort(func(v *view) int { return len(v.Cohort().Members) })},
		{name: "pgvigil_cohort_k", help: "How many standbys acknowledge each commit.", value: ofCohort(func(v *view) int { return v.Cohort().K })},
		{name: "pgvigil_ballots", help: "Ballots cast in this epoch.", value: ofCohort(func(v *view) int { return len(v.ballots()) })},
		{name: "pgvigil_heartbeats_received_total", help: "Datagrams from other supervisors, and from whoever sent any.", counter: true, value: func(v *view, _ core.Instant) (float64, bool) { return float64(v.Heartbeats.Received), true }},
		{name: "pgvigil_heartbeats_sent_total", help: "Datagrams to other supervisors.", counter: true, value: func(v *view, _ core.Instant) (float64, bool) { return float64(v.Heartbeats.Sent), true }},
		{name: "pgvigil_stale_members", help: "Members whose supervisor has not been heard of for long.", value: func(v *view, _ core.Instant) (float64, bool) { return float64(len(v.Stale)), true }},
	}
}

// ofCohort has a value only with durability by quorum.
func ofCohort(f func(*view) int) func(*view, core.Instant) (float64, bool) {
	return func(v *view, _ core.Instant) (float64, bool) {
		if len(v.Cohort().Members) == 0 {
			return 0, false
		}
		return float64(f(v)), true
	}
}

// remaining has a value only where there is a leadership that can run out.
func remaining(v *view, now core.Instant) (float64, bool) {
	if v.Hold.Epoch == 0 || v.Hold.Indefinite {
		return 0, false
	}
	return seconds(v.Hold.Deadline.Sub(now)), true
}
