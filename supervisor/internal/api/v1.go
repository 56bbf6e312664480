// SPDX-License-Identifier: Apache-2.0

package api

import "github.com/pgvigil/pgvigil/supervisor/internal/core"

// Version names the documents below; a change that could break a reader changes it.
const Version = "v1"

// Status is the document /v1/status: all that this member knows. Times are RFC 3339 in UTC, spans are seconds,
// positions in the WAL are strings such as "0/3000148".
type Status struct {
	APIVersion string     `json:"apiVersion"`
	Cluster    Cluster    `json:"cluster"`
	Self       Self       `json:"self"`
	Members    []Member   `json:"members"`
	Operation  *Operation `json:"operation"`
	Decision   Decision   `json:"decision"`
	Plugins    []Plugin   `json:"plugins"`
}

// Cluster is what is the same for every member.
type Cluster struct {
	Name      string     `json:"name"`
	Namespace string     `json:"namespace"`
	SystemID  string     `json:"system_identifier,omitempty"`
	Paused    bool       `json:"paused"`
	Epoch     core.Epoch `json:"epoch"`
	// Leader is whose leadership is in force, empty when none is. Released tells that the last holder gave its up.
	Leader    string `json:"leader,omitempty"`
	Released  bool   `json:"released,omitempty"`
	Successor string `json:"successor,omitempty"`
	// Durability is async or quorum, Quorum what the latter asks for now; null with async.
	Durability string  `json:"durability"`
	Quorum     *Quorum `json:"quorum"`
}

// Self is the member that answers.
type Self struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	// Tick counts the turns of the loop, the last of which was AgeSeconds ago.
	Tick       uint64    `json:"tick"`
	AgeSeconds float64   `json:"age_seconds"`
	TTLSeconds float64   `json:"ttl_seconds"`
	Hold       Hold      `json:"hold"`
	Postgres   *Postgres `json:"postgres"`
	Deadman    Deadman   `json:"deadman"`
	Watchdog   Watchdog  `json:"watchdog"`
	Job        *Job      `json:"job"`
	// DCSAgeSeconds is how long ago the DCS answered last; null is never.
	DCSAgeSeconds *float64   `json:"dcs_age_seconds"`
	DCSLatency    *Latency   `json:"dcs_latency"`
	Heartbeats    Heartbeats `json:"heartbeats"`
	Probe         *Probe     `json:"probe"`
	// VotedEpoch is the epoch this member has voted in: it stays detached until that is over.
	VotedEpoch core.Epoch `json:"voted_epoch,omitempty"`
}

// Latency is how long calls took that were answered lately.
type Latency struct {
	Count         int     `json:"count"`
	MedianSeconds float64 `json:"median_seconds"`
	P99Seconds    float64 `json:"p99_seconds"`
}

// Hold is the leadership of the member that answers.
type Hold struct {
	Valid      bool       `json:"valid"`
	Epoch      core.Epoch `json:"epoch"`
	Indefinite bool       `json:"indefinite"`
	// SecondsLeft is how long it lasts if it is not renewed; negative is how long ago it ended.
	SecondsLeft float64 `json:"seconds_left"`
}

// Postgres is the local instance.
type Postgres struct {
	Status           string        `json:"status"`
	Role             string        `json:"role"`
	Message          string        `json:"message,omitempty"`
	AgeSeconds       float64       `json:"age_seconds"`
	Timeline         core.Timeline `json:"timeline"`
	LSN              string        `json:"lsn"`
	Received         string        `json:"received"`
	Replayed         string        `json:"replayed"`
	ReplicationState string        `json:"replication_state,omitempty"`
	Upstream         string        `json:"upstream,omitempty"`
	PostmasterPID    int           `json:"postmaster_pid,omitempty"`
	ServerVersion    uint32        `json:"server_version,omitempty"`
	DataDir          string        `json:"data_dir,omitempty"`
	SyncNames        string        `json:"synchronous_standby_names,omitempty"`
	PendingRestart   []string      `json:"pending_restart,omitempty"`
	Senders          []Sender      `json:"senders,omitempty"`
}

// Sender is a WAL sender of the local instance.
type Sender struct {
	Member    string `json:"member"`
	State     string `json:"state"`
	SyncState string `json:"sync_state"`
	Flush     string `json:"flush"`
	Replay    string `json:"replay"`
}

// Deadman is the kernel timer over PostgreSQL.
type Deadman struct {
	Present     bool    `json:"present"`
	Armed       bool    `json:"armed"`
	SecondsLeft float64 `json:"seconds_left,omitempty"`
}

// Watchdog is the state of /dev/watchdog.
type Watchdog struct {
	Mode  string `json:"mode"`
	Armed bool   `json:"armed"`
	// TimeoutSeconds is the device's; SecondsLeft is when it resets the host unless it is fed.
	TimeoutSeconds float64 `json:"timeout_seconds,omitempty"`
	SecondsLeft    float64 `json:"seconds_left,omitempty"`
	// LastReset is what made the host boot, as far as the driver knows: "watchdog", say.
	LastReset string `json:"last_reset,omitempty"`
	Message   string `json:"message,omitempty"`
}

// Job is a long PostgreSQL action under way. Done and Total are bytes, 0 is not known.
type Job struct {
	Kind       string     `json:"kind"`
	Epoch      core.Epoch `json:"epoch"`
	AgeSeconds float64    `json:"age_seconds"`
	Phase      string     `json:"phase,omitempty"`
	Done       uint64     `json:"done,omitempty"`
	Total      uint64     `json:"total,omitempty"`
}

// Member is a member as its own record in the DCS tells.
type Member struct {
	Name string `json:"name"`
	// API is the URL of the member's interface, Host and Port are its PostgreSQL's.
	API     string `json:"api"`
	Host    string `json:"host"`
	Port    uint16 `json:"port"`
	Version string `json:"version,omitempty"`
	// Role is leader, primary (writable without being leader), replica, or empty.
	Role string `json:"role"`
	// State is running, streaming, starting, stopped, crashed, "creating replica" and so on; unknown when Stale:
	// the member's supervisor has not been heard of for long.
	State    string        `json:"state"`
	Stale    bool          `json:"stale"`
	Message  string        `json:"message,omitempty"`
	Epoch    core.Epoch    `json:"epoch"`
	Timeline core.Timeline `json:"timeline"`
	LSN      string        `json:"lsn"`
	Replayed string        `json:"replayed"`
	// ReceiveLag and ReplayLag are bytes behind the leader; null is not known, or the leader itself.
	ReceiveLag     *uint64  `json:"receive_lag"`
	ReplayLag      *uint64  `json:"replay_lag"`
	ServerVersion  uint32   `json:"server_version,omitempty"`
	Upstream       string   `json:"upstream,omitempty"`
	PendingRestart []string `json:"pending_restart,omitempty"`
	Job            string   `json:"job,omitempty"`
	// Sync tells that commits are counted on it, Detached that it receives no WAL because it has voted, Lacking that its data may lack
	// what it once acknowledged.
	Sync       bool              `json:"sync,omitempty"`
	Detached   bool              `json:"detached,omitempty"`
	Lacking    bool              `json:"lacking,omitempty"`
	NoFailover bool              `json:"nofailover,omitempty"`
	Priority   int               `json:"priority"`
	Tags       map[string]string `json:"tags,omitempty"`
}

// Operation is what an operator asked for.
type Operation struct {
	ID   string `json:"id"`
	Kind string `json:"kind"`
	From string `json:"from,omitempty"`
	To   string `json:"to,omitempty"`
	// AcceptDataLoss tells that a failover may lose acknowledged commits.
	AcceptDataLoss bool   `json:"accept_data_loss,omitempty"`
	By             string `json:"by,omitempty"`
	At             string `json:"at,omitempty"`
	State          string `json:"state"`
	Result         string `json:"result,omitempty"`
	// Handover is how long what takes, as the member that answers saw it; null where nothing was handed over, or it did not see it.
	Handover *Handover `json:"handover"`
}

// Handover is a leadership that is handed over. Its stages are prepare, hold clients, stop, elect, open and let go, in this order;
// those that are over are listed.
type Handover struct {
	From   string  `json:"from"`
	Stages []Stage `json:"stages"`
	Over   bool    `json:"over"`
	// GapSeconds is how long there was no primary, WaitSeconds how long poolers held clients back; null until it is over, and where
	// there are no poolers.
	GapSeconds  *float64 `json:"gap_seconds"`
	WaitSeconds *float64 `json:"wait_seconds"`
}

// Stage is one of a hand-over.
type Stage struct {
	Name    string  `json:"name"`
	Seconds float64 `json:"seconds"`
}

// Forecast is the document /v1/switchover: what a switchover would do now.
type Forecast struct {
	APIVersion string `json:"apiVersion"`
	Leader     string `json:"leader"`
	Candidate  string `json:"candidate,omitempty"`
	Possible   bool   `json:"possible"`
	// Blocker is why it is not possible.
	Blocker string `json:"blocker,omitempty"`
	// ReceiveLag is the WAL the candidate has yet to receive, ReplayLag what it has yet to apply before it opens; bytes.
	ReceiveLag uint64 `json:"receive_lag"`
	ReplayLag  uint64 `json:"replay_lag"`
	// Poolers are the members whose poolers hold clients back meanwhile.
	Poolers []string `json:"poolers"`
	// Unfit are members that could not take over.
	Unfit []Unfit `json:"unfit"`
	// GapSeconds is for how long there was no primary in the last switchover that the member saw; null is none.
	GapSeconds *float64 `json:"gap_seconds"`
}

// Unfit is a member and why it cannot take over.
type Unfit struct {
	Name string `json:"name"`
	Why  string `json:"why"`
}

// Decision is why a member does what it does.
type Decision struct {
	// At is when the mind was changed; empty when it is not known.
	At         string      `json:"at,omitempty"`
	Epoch      core.Epoch  `json:"epoch"`
	Rule       string      `json:"rule"`
	Section    string      `json:"section"`
	Sentence   string      `json:"sentence"`
	Conditions []Condition `json:"conditions"`
	Plan       []string    `json:"plan"`
}

// Condition is one named condition of a rule.
type Condition struct {
	Name  string `json:"name"`
	Holds bool   `json:"holds"`
}

// Why is the document /v1/why: the present decision and the last changes, newest last.
type Why struct {
	APIVersion string     `json:"apiVersion"`
	Cluster    string     `json:"cluster"`
	Member     string     `json:"member"`
	Decision   Decision   `json:"decision"`
	Recent     []Decision `json:"recent"`
	// Quorum is there with durability by quorum.
	Quorum *Quorum `json:"quorum"`
}

// Rules is the document /v1/rules.
type Rules struct {
	APIVersion string    `json:"apiVersion"`
	Sections   []Section `json:"sections"`
}

// Section is a part of the rule table; Enter are the conditions under which its rules are looked at.
type Section struct {
	Name  string   `json:"name"`
	Enter []string `json:"enter"`
	Rules []Rule   `json:"rules"`
}

// Rule is one row: the first whose conditions hold decides.
type Rule struct {
	ID    string   `json:"id"`
	When  []string `json:"when"`
	Emits []string `json:"emits"`
	Why   string   `json:"why"`
}

// OperationStatus is the document /v1/operation.
type OperationStatus struct {
	APIVersion string     `json:"apiVersion"`
	Operation  *Operation `json:"operation"`
}

// HistoryList is the document /v1/history, oldest first.
type HistoryList struct {
	APIVersion string       `json:"apiVersion"`
	History    []Leadership `json:"history"`
}

// Leadership is one leadership that opened for writes.
type Leadership struct {
	Epoch     core.Epoch    `json:"epoch"`
	Leader    string        `json:"leader"`
	Timeline  core.Timeline `json:"timeline"`
	SwitchLSN string        `json:"switch_lsn"`
	Lineage   string        `json:"lineage"`
	Rule      string        `json:"rule"`
	Reason    string        `json:"reason"`
	At        string        `json:"at"`
}

// Plugin is a plugin process.
type Plugin struct {
	Name     string `json:"name"`
	Kind     string `json:"kind"`
	Version  string `json:"version"`
	PID      int    `json:"pid"`
	Up       bool   `json:"up"`
	Healthy  bool   `json:"healthy"`
	Restarts int    `json:"restarts"`
	Message  string `json:"message,omitempty"`
}

// Accepted is the answer to an operator's request.
type Accepted struct {
	APIVersion string     `json:"apiVersion"`
	Message    string     `json:"message"`
	Operation  *Operation `json:"operation,omitempty"`
}
