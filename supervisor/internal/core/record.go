// SPDX-License-Identifier: Apache-2.0

package core

import "fmt"

// Epoch counts leaderships; it changes only when a leader is replaced. 0 is "before the first".
type Epoch uint64

// LSN is a position in the write-ahead log. 0 is "not known".
type LSN uint64

// String prints the usual form, such as "0/3000148".
func (l LSN) String() string { return fmt.Sprintf("%X/%X", uint32(l>>32), uint32(l)) }

// Timeline is a PostgreSQL timeline number. 0 is "not known".
type Timeline uint32

// Revision is a revision of the DCS. As a key's revision, 0 means that the key does not exist.
type Revision int64

// Versioned is a record as it stands in the DCS. Rev 0 means absent, with a zero Value.
type Versioned[T any] struct {
	Value T
	Rev   Revision
}

// Exists tells whether the key was there.
func (v Versioned[T]) Exists() bool { return v.Rev != 0 }

// Record is a value of a DCS key. The shell encodes it (as JSON, by the tags below).
type Record interface{ record() }

// Identity ties the DCS cluster to one PostgreSQL database system. Key "identity".
type Identity struct {
	SystemID uint64 `json:"system_identifier,string"`
}

// Config is what operators change at run time. Key "config".
type Config struct {
	Paused bool `json:"paused"`
}

// EpochRecord is written by take-overs and by nothing else. Key "epoch".
type EpochRecord struct {
	Epoch Epoch `json:"epoch"`
	// Timeline is reserved for this epoch: its promotion uses this number or a greater one, so that no two
	// epochs ever share a timeline number, whatever became of their promotions.
	Timeline Timeline `json:"timeline"`
}

// Leader is who leads and until when. Key "leader".
type Leader struct {
	Holder string `json:"holder"`
	// Token is a secret-free random name of the holder's state in /run: it tells a restarted supervisor (same
	// token) from a rebooted or copied one.
	Token string `json:"token"`
	Epoch Epoch  `json:"epoch"`
	TTL   Span   `json:"ttl_ns"`
	// Renewal counts the writes of this record within the epoch.
	Renewal uint64 `json:"renewal"`
	// SentAt is an instant of the holder's own clock before it sent this write; the holder's deadline counts from it. It
	// means nothing to others, nor to another boot of the holder (another token).
	SentAt   Instant  `json:"sent_at"`
	LSN      LSN      `json:"lsn"`
	Timeline Timeline `json:"timeline"`
	// Reserved is EpochRecord.Timeline, for the holder, which may promote before it has seen its own take-over.
	Reserved Timeline `json:"reserved_timeline"`
	// Paused says that the holder relies on the cluster being paused: the leadership does not expire.
	Paused bool `json:"paused,omitempty"`
	// Released says that the holder's PostgreSQL was proven not to be writable. LSN is then where its WAL ends,
	// on Timeline, if FinalLSN, and Successor whom it made room for, if anybody.
	Released  bool   `json:"released,omitempty"`
	FinalLSN  bool   `json:"final_lsn,omitempty"`
	Successor string `json:"successor,omitempty"`
	// Handover is the operation that the holder is about to stop for: poolers hold clients back until there is a primary again.
	Handover string `json:"handover,omitempty"`
}

// Cohort is who keeps the acknowledged commits: each is flushed by the leader of Epoch and by K of the other Members,
// and a take-over needs the ballots of len(Members) - K of them. Key "cohort". Without members durability is
// asynchronous, and who takes over waits for the leader's time to be over instead.
type Cohort struct {
	Epoch Epoch `json:"epoch"`
	// Members by name, ascending, the leader among them.
	Members []string `json:"members"`
	K       int      `json:"k"`
}

// Ballot is a member's word that it has stopped receiving WAL for good in an epoch, and where it stands. Key
// "ballots/<name>". One that is withdrawn is rewritten, never removed: a vote whose answer was lost must not come to
// life behind it.
type Ballot struct {
	Name  string `json:"name"`
	Epoch Epoch  `json:"epoch"`
	// Timeline and LSN are the end of the flushed WAL, Replayed how far it is applied.
	Timeline  Timeline `json:"timeline"`
	LSN       LSN      `json:"lsn"`
	Replayed  LSN      `json:"replayed_lsn"`
	Priority  int      `json:"priority"`
	Withdrawn bool     `json:"withdrawn,omitempty"`
}

// Member is what a supervisor says of itself. Key "members/<name>".
type Member struct {
	Name string `json:"name"`
	// Instance is made once per state directory, Token once per boot: see Leader.
	Instance string `json:"instance"`
	Token    string `json:"token"`
	API      string `json:"api"`
	Host     string `json:"host"`
	Port     uint16 `json:"port"`
	Version  string `json:"version"`
	// Beat counts the writes of this record.
	Beat uint64 `json:"beat"`

	Status         Status            `json:"status"`
	Role           Role              `json:"role"`
	Message        string            `json:"message,omitempty"`
	SystemID       uint64            `json:"system_identifier,string"`
	ServerVersion  uint32            `json:"server_version"`
	Timeline       Timeline          `json:"timeline"`
	LSN            LSN               `json:"lsn"`
	Replayed       LSN               `json:"replayed_lsn"`
	WalEpoch       Epoch             `json:"wal_epoch"`
	Streaming      bool              `json:"streaming"`
	Upstream       string            `json:"upstream,omitempty"`
	Checkpointed   bool              `json:"checkpointed,omitempty"`
	PendingRestart []string          `json:"pending_restart,omitempty"`
	Job            string            `json:"job,omitempty"`
	NoFailover     bool              `json:"nofailover,omitempty"`
	Priority       int               `json:"priority"`
	Tags           map[string]string `json:"tags,omitempty"`
	// Detached says that it receives no WAL because it has voted.
	Detached bool `json:"detached,omitempty"`
	// Lacking says that its data may lack what it once acknowledged, Owed up to where, as far as that is known.
	Lacking bool     `json:"lacking,omitempty"`
	Owed    Position `json:"owed,omitzero"`
	// Race is the epoch whose leader this member holds for gone; LSN is then what it stands for election with.
	Race Epoch `json:"race,omitempty"`
	// Pools says that there are poolers on this host, Held the operation they were asked to hold clients back for, once that has
	// ended, and Stuck why they do not.
	Pools bool   `json:"pools,omitempty"`
	Held  string `json:"held,omitempty"`
	Stuck string `json:"stuck,omitempty"`
}

// Operation is what an operator asked for; one at a time. Key "operation".
type Operation struct {
	ID   string        `json:"id"`
	Kind OperationKind `json:"kind"`
	// From is the leader as the operator saw it, To the wanted one (or the member to reinitialise).
	From string `json:"from,omitempty"`
	To   string `json:"to,omitempty"`
	// Force lets a failover go ahead without the ballots that prove that nothing acknowledged is lost, and a switchover though
	// poolers cannot hold clients back.
	Force bool   `json:"force,omitempty"`
	By    string `json:"by,omitempty"`
	// At is the wall clock of the member that took the request, Unix nanoseconds; for people only.
	At     int64          `json:"at"`
	State  OperationState `json:"state"`
	Result string         `json:"result,omitempty"`
}

// OperationKind is what an operator can ask for.
type OperationKind string

// Kinds of operations.
const (
	Switchover OperationKind = "switchover"
	Failover   OperationKind = "failover"
	Reinit     OperationKind = "reinit"
)

// OperationState is how far an operation is.
type OperationState string

// States of operations.
const (
	Pending OperationState = "pending"
	Done    OperationState = "done"
	Failed  OperationState = "failed"
)

// History is one leadership that opened for writes. Key "history/<epoch>".
type History struct {
	Epoch    Epoch    `json:"epoch"`
	Leader   string   `json:"leader"`
	Timeline Timeline `json:"timeline"`
	// Parent is the timeline that Timeline left at SwitchLSN.
	Parent    Timeline `json:"parent_timeline"`
	SwitchLSN LSN      `json:"switch_lsn"`
	Lineage   string   `json:"lineage"`
	Rule      RuleID   `json:"rule"`
	Reason    string   `json:"reason"`
	// At is the wall clock of the leader, Unix nanoseconds; for people only.
	At int64 `json:"at"`
}

func (Identity) record()    {}
func (Config) record()      {}
func (EpochRecord) record() {}
func (Leader) record()      {}
func (Cohort) record()      {}
func (Ballot) record()      {}
func (Member) record()      {}
func (Operation) record()   {}
func (History) record()     {}

// Keys below "/<namespace>/<cluster>/".
const (
	KeyIdentity  = "identity"
	KeyConfig    = "config"
	KeyEpoch     = "epoch"
	KeyLeader    = "leader"
	KeyCohort    = "cohort"
	KeyBallots   = "ballots/"
	KeyOperation = "operation"
	KeyMembers   = "members/"
	KeyHistory   = "history/"
)

// KeyMember is the key of a member's record.
func KeyMember(name string) string { return KeyMembers + name }

// KeyBallot is the key of a member's ballot.
func KeyBallot(name string) string { return KeyBallots + name }

// KeyOfHistory is the key of an epoch's history record; padded so that keys sort by epoch.
func KeyOfHistory(e Epoch) string { return fmt.Sprintf("%s%020d", KeyHistory, e) }
