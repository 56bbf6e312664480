// SPDX-License-Identifier: Apache-2.0

package core

// State is what the core remembers between ticks. The shell keeps it, hands it back, and stores its Durable
// part before it executes the plan that came with it.
type State struct {
	Durable

	// LeaderSeen is since when the leader record has been as it is, Members likewise by name. LeaderMoved says that it was seen to
	// change: before that, it may be one of long ago.
	LeaderSeen  Seen
	LeaderMoved bool
	Members     []MemberSeen
	// Synced is when each member was last fit to be a synchronous standby of this leader.
	Synced []MemberAt
	// LedSince is when the present leadership began, as far as this process knows.
	LedSince Instant
	// Detached is the epoch in which PostgreSQL was detached by this process, VotedAt since when its ballot stands.
	Detached Epoch
	VotedAt  Instant
	// Answered is the epoch of the last promise, and the heartbeat it answered.
	Answered Answered
	Claim    Claim
	// LastCommit is the newest revision this node wrote: an older view says nothing about our own records.
	LastCommit Revision
	// LastJobEnd: an older report about PostgreSQL does not show what the job did.
	LastJobEnd Instant
	Retries    []Retry
	Ladder     Ladder
	// Whole says that the data lacked nothing before the rewind that was asked for: when it is refused, they still do not.
	Whole bool
	// RaceSince is since when there has been no leader after RaceEpoch.
	RaceSince Instant
	RaceEpoch Epoch
	Operation OperationSeen
	HungSince Instant
	// LeftoversSince is since when PostgreSQL has been down with processes of it left.
	LeftoversSince Instant
	// EndlessSince is since when PostgreSQL has been down with the end of its WAL not known, as right after a fence.
	EndlessSince Instant
	// Writable says that PostgreSQL was last seen, or told to become, writable, and that nothing has proven the
	// contrary since.
	Writable bool
	// TakenBy is the rule that took the present leadership, TakenWhy its sentence.
	TakenBy  RuleID
	TakenWhy string
	// Applied is what ActApply last brought in force, Routed what the routers were last told and when.
	Applied  string
	Routed   *Routes
	RoutedAt Instant
	// HeldBack is the operation that the poolers of this host were asked to hold clients back for.
	HeldBack string
}

// Durable is the part of the state that must outlive the process.
type Durable struct {
	OfBoot
	OfDisk
}

// OfBoot is what means nothing after a reboot. Kept in the run directory.
type OfBoot struct {
	// Hold is this node's leadership.
	Hold Hold `json:"hold"`
	// Promoted is the last epoch this node promoted in.
	Promoted Epoch `json:"promoted"`
	// PromotedPID is the postmaster that was told to promote: its word that it is a standby proves nothing more,
	// the promotion may still take effect.
	PromotedPID int `json:"promoted_pid"`
	// GivenUp is the last epoch this node began to release: the write may be applied at any time, PostgreSQL must not
	// be opened under it any more.
	GivenUp Epoch `json:"given_up"`
	// Awake is the first tick of this boot.
	Awake Instant `json:"awake"`
	// Promised is until when this node must not vote in an epoch, by its own clock.
	Promised Promised `json:"promised"`
	// Cohort is that of our own leadership, as last written or seen; Sent the last one that was sent and not seen since.
	Cohort Cohort `json:"cohort"`
	Sent   Cohort `json:"sent"`
	// Switch is where PostgreSQL stood when it was promoted.
	Switch Position `json:"switch"`
	// Told is what PostgreSQL, open under our leadership, was last told to wait for, Base what it was proven to wait for before.
	Told SyncSet `json:"told"`
	Base SyncSet `json:"base"`
}

// OfDisk is what belongs to the data directory. Kept in the state directory.
type OfDisk struct {
	// Voted is the epoch this node has voted in, or was about to: it stays detached until the epoch is over or the ballot
	// withdrawn. VotedRev is the revision of our ballot that the last vote compared with: only what was written later says what
	// became of it.
	Voted    Epoch    `json:"voted"`
	VotedRev Revision `json:"voted_revision"`
	// Lacking says that the data directory was replaced or rewound, and may lack what this node once acknowledged. Owed is
	// where, by the cluster's memory, it has been: below that it is an older disk.
	Lacking bool     `json:"lacking"`
	Owed    Position `json:"owed"`
	// Beat is that of the last member record sent: one in the DCS that is newer was sent by a newer disk.
	Beat uint64 `json:"beat"`
	// WalEpoch is the epoch of the last WAL this node holds, SystemID the system it belongs to.
	WalEpoch Epoch  `json:"wal_epoch"`
	SystemID uint64 `json:"system_identifier,string"`
}

// Promised is a promise this node gave.
type Promised struct {
	Epoch Epoch   `json:"epoch"`
	Until Instant `json:"until"`
}

// Answered is the heartbeat that a promise answered.
type Answered struct {
	Epoch  Epoch
	SentAt Instant
}

// Position is a place in the WAL of the cluster: every epoch writes on a timeline number of its own, greater than all before.
type Position struct {
	Timeline Timeline `json:"timeline"`
	LSN      LSN      `json:"lsn"`
}

// before tells whether p is an earlier place than q.
func (p Position) before(q Position) bool {
	return p.Timeline < q.Timeline || p.Timeline == q.Timeline && p.LSN < q.LSN
}

// Hold is a leadership, as proven by the last successful write of the leader record.
type Hold struct {
	Epoch     Epoch    `json:"epoch"`
	EpochRev  Revision `json:"epoch_revision"`
	LeaderRev Revision `json:"leader_revision"`
	Record    Leader   `json:"record"`
	// RenewedAt is before the last successful write was sent; PostgreSQL must not be writable after Deadline.
	RenewedAt Instant `json:"renewed_at"`
	Deadline  Instant `json:"deadline"`
	// Indefinite: the record says that the cluster is paused, nobody may take over by expiry.
	Indefinite bool `json:"indefinite"`
}

// Valid tells whether the leadership is in force at an instant.
func (h Hold) Valid(now Instant) bool { return h.Epoch != 0 && (h.Indefinite || now < h.Deadline) }

// Seen is a revision and since when, on our clock, it has been there.
type Seen struct {
	Rev Revision
	At  Instant
}

// MemberSeen is Seen for a member record.
type MemberSeen struct {
	Name string
	Seen
	// Leader is how far the leader was known to be when the record came. Kept for routers only.
	Leader LSN
}

// MemberAt is a member and an instant.
type MemberAt struct {
	Name string
	At   Instant
}

// Claim is how far this node is with claiming its name.
type Claim struct {
	Done      bool
	Duplicate bool
	// Rev is the foreign record first met, Since when.
	Rev   Revision
	Since Instant
}

// Retry is the back-off of an action that failed.
type Retry struct {
	Kind      ActionKind
	Failures  int
	NotBefore Instant
	Message   string
}

// Ladder is how far a standby is in getting back to its leader: follow, rewind, re-clone.
type Ladder struct {
	Epoch Epoch
	Rung  Rung
	// Since is when the present rung began to have its chance.
	Since Instant
	// Rewound says that rewinding succeeded under Epoch.
	Rewound bool
}

// Rung of the ladder.
type Rung int

// The rungs.
const (
	RungFollow Rung = iota
	RungRewind
	RungClone
)

// OperationSeen is since when an operation has been pending here.
type OperationSeen struct {
	ID string
	At Instant
	// Checkpointed says that the checkpoint ahead of a switchover was made.
	Checkpointed bool
	// Recloned says that the copy a reinit asked for is complete.
	Recloned bool
}
