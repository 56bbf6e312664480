// SPDX-License-Identifier: Apache-2.0

package core

// Observation is everything the shell knows at one tick. Slices are sorted as stated; the core reads no clock
// and no map order.
type Observation struct {
	// Now is the time of the tick. Wall is the wall clock, Unix nanoseconds: it is written into records for people,
	// and decides nothing.
	Now  Instant
	Wall int64
	// View is the last consistent picture of the DCS; nil before the first.
	View *View
	// Postgres is the last state the plugin reported; nil before the first.
	Postgres *Postgres
	// Deadman is what the launcher last confirmed.
	Deadman Deadman
	// Job is the long PostgreSQL action under way; nil when none is.
	Job *Job
	// Finished are the jobs that ended since the last tick, oldest first.
	Finished []Finished
	// Committed are the commits that ended since the last tick, oldest first.
	Committed []Committed
	// Heard are the other supervisors as heard last by heartbeat, by name ascending.
	Heard []Heard
	// Probe is the question to PostgreSQL of another member that ProbeOf asks for.
	Probe Probe
	// Poolers of this host.
	Poolers Poolers
	// WatchdogReady is false when the watchdog is required and cannot be used: this node may not lead.
	WatchdogReady bool
	// WatchdogPending says that the watchdog is used and not armed yet: PostgreSQL must not open before it is.
	WatchdogPending bool
	// Unstored says that the state of the last tick could not be stored.
	Unstored bool
	// Stopping says that the supervisor was asked to stop PostgreSQL and end.
	Stopping bool
}

// View is a linearizable read of the cluster's keys.
type View struct {
	Revision Revision
	// AskedAt is before the read was sent: the picture is no older. SeenAt is when the answer was there.
	AskedAt Instant
	SeenAt  Instant

	Identity  Versioned[Identity]
	Config    Versioned[Config]
	Epoch     Versioned[EpochRecord]
	Leader    Versioned[Leader]
	Cohort    Versioned[Cohort]
	Operation Versioned[Operation]
	// Members and Ballots by name, History by epoch, all ascending.
	Members []Versioned[Member]
	Ballots []Versioned[Ballot]
	History []Versioned[History]
}

// Ballot finds a member's ballot; absent when there is none.
func (v *View) Ballot(name string) Versioned[Ballot] {
	for _, b := range v.Ballots {
		if b.Value.Name == name {
			return b
		}
	}
	return Versioned[Ballot]{}
}

// Member finds a member by name; absent when there is none.
func (v *View) Member(name string) Versioned[Member] {
	for _, m := range v.Members {
		if m.Value.Name == name {
			return m
		}
	}
	return Versioned[Member]{}
}

// Status of the local PostgreSQL.
type Status string

// The statuses, as the plugin protocol defines them.
const (
	StatusUnknown  Status = ""
	StatusAbsent   Status = "absent"
	StatusUnusable Status = "unusable"
	StatusStopped  Status = "stopped"
	StatusCrashed  Status = "crashed"
	StatusStarting Status = "starting"
	StatusRunning  Status = "running"
	StatusStopping Status = "stopping"
	StatusHung     Status = "hung"
)

// Role of the local PostgreSQL, by its own word.
type Role string

// The roles.
const (
	RoleUnknown Role = ""
	RolePrimary Role = "primary"
	RoleStandby Role = "standby"
)

// Postgres is the state of the local instance, as the plugin proves it.
type Postgres struct {
	// At is when the report arrived.
	At      Instant
	Status  Status
	Role    Role
	Message string
	Empty   bool
	// HalfRewound says that an unusable data directory is so because our own rewind broke off.
	HalfRewound    bool
	SystemID       uint64
	Timeline       Timeline
	LSN            LSN
	Received       LSN
	Replayed       LSN
	Receiver       *Receiver
	Senders        []Sender
	PostmasterPID  int
	StartedUnix    int64
	ServerVersion  uint32
	PendingRestart []string
	Launched       bool
	DataDir        string
	Upstream       string
	// Restores says that WAL is also taken from an archive.
	Restores     bool
	Checkpointed bool
	Slots        []string
	// SyncNames is synchronous_standby_names as new sessions see it. SyncSettled says that it was proven to be in force in
	// every process; on a primary, no commit past SyncBarrier was or will be acknowledged by an earlier value.
	SyncNames      string
	SyncSettled    bool
	SyncBarrier    LSN
	ReplayPaused   bool
	ReplayedAtUnix int64
}

// Receiver is the WAL receiver of a standby.
type Receiver struct {
	Status  string
	Host    string
	Port    uint16
	Silence Span
	Slot    string
	// End is where the sender's WAL ended when it last said so to this server; 0 when it has not yet.
	End LSN
}

// Sender is a WAL sender of a primary, to the standby called Member.
type Sender struct {
	Member, State, SyncState   string
	Sent, Write, Flush, Replay LSN
}

// Deadman is the kernel timer over PostgreSQL. Present means that a launcher answers; ArmedUntil 0 is disarmed.
type Deadman struct {
	Present    bool
	ArmedUntil Instant
}

// Job is a long action under way.
type Job struct {
	Kind  ActionKind
	Epoch Epoch
	Since Instant
	// Progress for people: phase, bytes done and in all (0 is not known).
	Phase       string
	Done, Total uint64
}

// Outcome of an action. Uncertainty is a value: everything not proven is Unknown.
type Outcome string

// The outcomes.
const (
	OutcomeDone    Outcome = "done"
	OutcomeRefused Outcome = "refused"
	OutcomeUnknown Outcome = "unknown"
)

// Finished is a job that ended.
type Finished struct {
	Kind    ActionKind
	Epoch   Epoch
	At      Instant
	Outcome Outcome
	// Hopeless is a refusal that doing it again cannot change (OUT_OF_RANGE): the next rung is due.
	Hopeless bool
	Message  string
}

// Committed is a commit that ended.
type Committed struct {
	Purpose CommitPurpose
	Outcome Outcome
	// Conflict is a refusal because a compare did not hold; otherwise a refusal means that nothing was sent.
	Conflict bool
	Revision Revision
	// Leader is the leader record the commit wrote, if it wrote one.
	Leader *Leader
	// Cohort is the cohort record the commit wrote, if it wrote one.
	Cohort  *Cohort
	Message string
}
