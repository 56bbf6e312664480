// SPDX-License-Identifier: Apache-2.0

package core

// ActionKind names an action. Each kind maps to exactly one plugin call or one local effect.
type ActionKind string

// The closed set of actions.
const (
	// ActCommit is one DCS transaction.
	ActCommit ActionKind = "commit"
	// ActFence kills PostgreSQL and everything it left, now, with or without plugins. Local.
	ActFence ActionKind = "fence"
	// ActArm sets the deadman to Until. Local.
	ActArm ActionKind = "arm"
	// ActDisarm stops the deadman. Local.
	ActDisarm ActionKind = "disarm"
	// ActExit ends the supervisor. Local.
	ActExit ActionKind = "exit"
	// ActRefuse ends the supervisor with an error that needs a person. Local.
	ActRefuse ActionKind = "refuse"

	// The long PostgreSQL calls, one at a time.
	ActBootstrap  ActionKind = "bootstrap"
	ActClone      ActionKind = "clone"
	ActStart      ActionKind = "start"
	ActStop       ActionKind = "stop"
	ActPromote    ActionKind = "promote"
	ActRewind     ActionKind = "rewind"
	ActCheckpoint ActionKind = "checkpoint"
	// The short PostgreSQL calls; they share the slot of the long ones.
	ActFollow ActionKind = "follow"
	ActDetach ActionKind = "detach"
	ActApply  ActionKind = "apply"

	// ActPromise answers a leader's heartbeat with a promise not to vote. Local.
	ActPromise ActionKind = "promise"

	// ActHoldBack has the poolers of this host hold clients' transactions back, ActLetGo tells all routers where traffic belongs and
	// then has them go on.
	ActHoldBack ActionKind = "hold-back"
	ActLetGo    ActionKind = "let-go"

	// ActRoute tells every router where traffic belongs.
	ActRoute ActionKind = "route"
)

// PostgresActions lists the kinds the PostgreSQL plugin must be capable of.
func PostgresActions() []ActionKind {
	return []ActionKind{ActBootstrap, ActClone, ActStart, ActStop, ActPromote, ActRewind, ActCheckpoint, ActFollow, ActDetach, ActApply}
}

// Action is one thing to do: data, idempotent, decided under Epoch. Fields other than Kind and Epoch are set
// for the kinds that name them.
type Action struct {
	Kind  ActionKind
	Epoch Epoch

	Commit   *Commit  // commit
	Until    Instant  // arm
	Peer     *Peer    // start (nil: nobody), follow, clone, rewind
	Replace  bool     // clone: an existing data directory is replaced
	Patience Span     // stop
	Timeline Timeline // promote: the new timeline must be greater
	Members  []string // promote, apply: the other members, by name ascending
	Sync     SyncSet  // promote, apply
	Settle   bool     // apply: Sync is to be proven in force in every process
	Promise  *Promise // promise
	Routes   *Routes  // route, let-go; stop: what the routers are told before, nil for nothing
	Message  string   // refuse, and for people

	Operation string // hold-back: for which
}

// Peer is a member as a source of WAL.
type Peer struct {
	Name string
	Host string
	Port uint16
	// StreamOnly: WAL comes from nowhere else. An archive may have WAL of an epoch that the leader's history does not.
	StreamOnly bool
}

// CommitPurpose says what a commit is for; there is one lane, and so at most one in flight, per purpose.
type CommitPurpose string

// The purposes.
const (
	CommitLeader    CommitPurpose = "leader" // take, renew, release
	CommitMember    CommitPurpose = "member"
	CommitCohort    CommitPurpose = "cohort"
	CommitBallot    CommitPurpose = "ballot"
	CommitRecord    CommitPurpose = "record" // identity, history
	CommitOperation CommitPurpose = "operation"
)

// Commit is one DCS transaction: all writes if all compares hold.
type Commit struct {
	Purpose  CommitPurpose
	Compares []Compare
	Writes   []Write
}

// Compare holds if Rev wrote Key last; Rev 0 means that Key does not exist.
type Compare struct {
	Key string
	Rev Revision
}

// Write sets Key to Record.
type Write struct {
	Key    string
	Record Record
}

// Leader returns the leader record the commit writes, nil if none; the shell hands it back in Committed.
func (c *Commit) Leader() *Leader {
	for _, w := range c.Writes {
		if l, ok := w.Record.(Leader); ok {
			return &l
		}
	}
	return nil
}

// Cohort returns the cohort record the commit writes, nil if none; the shell hands it back in Committed.
func (c *Commit) Cohort() *Cohort {
	for _, w := range c.Writes {
		if k, ok := w.Record.(Cohort); ok {
			return &k
		}
	}
	return nil
}

// rev is the revision a key is compared with; 0 when it is not compared.
func (c *Commit) rev(key string) Revision {
	for _, x := range c.Compares {
		if x.Key == key {
			return x.Rev
		}
	}
	return 0
}

// Routes is the whole truth about where traffic belongs.
type Routes struct {
	Epoch    Epoch
	Primary  *Endpoint
	Replicas []Endpoint
	OwnRole  Role
}

// Endpoint is a member as traffic sees it.
type Endpoint struct {
	Peer
	LagBytes uint64
	Tags     map[string]string
}

// Plan is what to do now, in order. Empty means wait: for an event, or for the next tick.
type Plan []Action

// Kinds lists the kinds in order.
func (p Plan) Kinds() []ActionKind {
	kinds := make([]ActionKind, 0, len(p))
	for _, a := range p {
		kinds = append(kinds, a.Kind)
	}
	return kinds
}
