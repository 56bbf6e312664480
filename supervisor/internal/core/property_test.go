// SPDX-License-Identifier: Apache-2.0

package core

import (
	"fmt"
	"math/rand"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

var names = []string{"a", "b", "c"}

func pick[T any](t *rapid.T, label string, from ...T) T {
	return rapid.SampledFrom(from).Draw(t, label)
}

func instant(t *rapid.T, label string) Instant {
	return Instant(rapid.Int64Range(0, int64(20*Second)).Draw(t, label))
}

// genMember draws a member record, coherent or not.
func genMember(t *rapid.T, name string) Versioned[Member] {
	m := Member{
		Name: name, Instance: pick(t, "instance", "i-"+name, "other"), Token: pick(t, "token", "t-"+name, "old"),
		API: name, Host: name, Port: 5432,
		Status: pick(t, "status", StatusRunning, StatusStopped, StatusAbsent, StatusCrashed), Role: pick(t, "role", RolePrimary, RoleStandby, RoleUnknown),
		SystemID: pick[uint64](t, "sysid", 0, 7, 8), Timeline: Timeline(rapid.IntRange(0, 3).Draw(t, "tl")),
		LSN: LSN(rapid.IntRange(0, 5000).Draw(t, "lsn")), WalEpoch: Epoch(rapid.IntRange(0, 3).Draw(t, "walepoch")),
		NoFailover: rapid.Bool().Draw(t, "nofailover"), Race: Epoch(rapid.IntRange(0, 3).Draw(t, "race")),
	}
	return Versioned[Member]{m, Revision(rapid.IntRange(1, 90).Draw(t, "mrev"))}
}

func genView(t *rapid.T) *View {
	v := &View{Revision: Revision(rapid.IntRange(1, 100).Draw(t, "rev")), SeenAt: instant(t, "seen")}
	if rapid.Bool().Draw(t, "identity?") {
		v.Identity = Versioned[Identity]{Identity{SystemID: 7}, 1}
	}
	if rapid.Bool().Draw(t, "born?") {
		v.Epoch = Versioned[EpochRecord]{EpochRecord{Epoch: Epoch(rapid.IntRange(1, 3).Draw(t, "epoch")), Timeline: 2}, 2}
		l := Leader{
			Holder: pick(t, "holder", names...), Token: pick(t, "ltoken", "t-a", "old"), Epoch: v.Epoch.Value.Epoch, TTL: 3 * Second,
			Renewal: uint64(rapid.IntRange(1, 9).Draw(t, "renewal")), LSN: LSN(rapid.IntRange(0, 5000).Draw(t, "llsn")), Timeline: 2,
			Paused: rapid.Bool().Draw(t, "lpaused"), Released: rapid.Bool().Draw(t, "released"), FinalLSN: rapid.Bool().Draw(t, "final"),
			Successor: pick(t, "successor", append([]string{""}, names...)...),
		}
		v.Leader = Versioned[Leader]{l, Revision(rapid.IntRange(2, 90).Draw(t, "lrev"))}
	}
	if rapid.Bool().Draw(t, "op?") {
		v.Operation = Versioned[Operation]{Operation{
			ID: "1", Kind: pick(t, "opkind", Switchover, Failover, Reinit), To: pick(t, "to", append([]string{""}, names...)...),
			State: pick(t, "opstate", Pending, Done),
		}, 3}
	}
	genQuorum(t, v)
	v.Config.Value.Paused = rapid.Bool().Draw(t, "paused")
	for _, n := range names {
		if rapid.Bool().Draw(t, "member?") {
			v.Members = append(v.Members, genMember(t, n))
		}
	}
	return v
}

// genQuorum draws a cohort and ballots, coherent or not.
func genQuorum(t *rapid.T, v *View) {
	e := v.Epoch.Value.Epoch
	v.Cohort = Versioned[Cohort]{Cohort{Epoch: e, Members: []string{}}, 2}
	if rapid.Bool().Draw(t, "quorum?") {
		v.Cohort.Value.Members, v.Cohort.Value.K = pick(t, "cohort", names, names[:2], names[:1], names[1:]), rapid.IntRange(0, 2).Draw(t, "k")
	}
	for _, n := range names {
		if rapid.Bool().Draw(t, "ballot?") {
			b := Ballot{
				Name: n, Epoch: pick(t, "bepoch", e, e, 1), Timeline: Timeline(rapid.IntRange(1, 3).Draw(t, "btl")),
				LSN: LSN(rapid.IntRange(0, 2).Draw(t, "blsn")), Withdrawn: rapid.Bool().Draw(t, "withdrawn"), Priority: rapid.IntRange(0, 1).Draw(t, "prio"),
			}
			v.Ballots = append(v.Ballots, Versioned[Ballot]{b, Revision(rapid.IntRange(2, 90).Draw(t, "brev"))})
		}
	}
}

// genHeard draws what was heard of the other supervisors, and of PostgreSQL of one.
func genHeard(t *rapid.T, o *Observation) {
	for _, n := range names[1:] {
		e := Epoch(rapid.IntRange(0, 3).Draw(t, "beatepoch"))
		o.Heard = append(o.Heard, Heard{
			Name: n, At: instant(t, "heard"),
			Beat:    Beat{Name: n, Epoch: e, Open: rapid.Bool().Draw(t, "open"), Gone: rapid.Bool().Draw(t, "gone"), SentAt: instant(t, "sent"), Ask: pick(t, "ask", 0, 3*Second)},
			Promise: Promise{From: n, To: "a", Epoch: e, SentAt: instant(t, "psent"), For: 3 * Second},
		})
	}
	if rapid.Bool().Draw(t, "probe?") {
		o.Probe = Probe{Name: pick(t, "probed", "b", "c"), Since: instant(t, "since"), AnsweredAt: pick(t, "answered", 0, o.Now)}
	}
}

func genPostgres(t *rapid.T) *Postgres {
	return &Postgres{
		At: instant(t, "pgat"), Status: pick(t, "pgstatus", StatusAbsent, StatusUnusable, StatusStopped, StatusCrashed, StatusStarting, StatusRunning, StatusStopping, StatusHung),
		Role: pick(t, "pgrole", RolePrimary, RoleStandby, RoleUnknown), Empty: rapid.Bool().Draw(t, "empty"),
		HalfRewound: rapid.Bool().Draw(t, "halfrewound"),
		SystemID:    pick[uint64](t, "pgsys", 0, 7, 8), Timeline: 2, LSN: LSN(rapid.IntRange(0, 5000).Draw(t, "pglsn")),
		PostmasterPID: rapid.IntRange(0, 2).Draw(t, "pid"), Launched: rapid.Bool().Draw(t, "launched"), Upstream: pick(t, "up", "", "b", "c"),
		SyncNames: pick(t, "sync", "", `ANY 1 ("b", "c")`), SyncSettled: rapid.Bool().Draw(t, "settled"), SyncBarrier: 200,
		Senders: []Sender{{Member: "b", State: "streaming", Flush: 4000}, {Member: "c", State: "streaming", Flush: 100}},
	}
}

func genObservation(t *rapid.T) Observation {
	o := Observation{Now: instant(t, "now"), WatchdogReady: rapid.Bool().Draw(t, "wd"), WatchdogPending: rapid.Bool().Draw(t, "wp"), Stopping: rapid.Bool().Draw(t, "stopping")}
	if rapid.Bool().Draw(t, "view?") {
		o.View = genView(t)
	}
	if rapid.Bool().Draw(t, "pg?") {
		o.Postgres = genPostgres(t)
	}
	if rapid.Bool().Draw(t, "job?") {
		o.Job = &Job{Kind: pick(t, "job", PostgresActions()...), Epoch: 1}
	}
	genHeard(t, &o)
	if rapid.Bool().Draw(t, "armed?") {
		o.Deadman = Deadman{Present: true, ArmedUntil: instant(t, "armed")}
	}
	return o
}

func genState(t *rapid.T) State {
	s := State{Claim: Claim{Done: rapid.Bool().Draw(t, "claimed")}, Writable: rapid.Bool().Draw(t, "writable")}
	if rapid.Bool().Draw(t, "hold?") {
		s.Hold = Hold{
			Epoch: Epoch(rapid.IntRange(1, 3).Draw(t, "hepoch")), EpochRev: 2, LeaderRev: Revision(rapid.IntRange(2, 90).Draw(t, "hrev")),
			RenewedAt: instant(t, "renewed"), Indefinite: rapid.Bool().Draw(t, "indefinite"),
			Record: Leader{Holder: "a", Token: "t-a", TTL: 3 * Second, Renewal: 4},
		}
		s.Hold.Deadline = s.Hold.RenewedAt.Add(3 * Second)
	}
	s.Voted, s.Detached = Epoch(rapid.IntRange(0, 3).Draw(t, "voted")), Epoch(rapid.IntRange(0, 3).Draw(t, "detached"))
	s.Lacking, s.Awake = rapid.Bool().Draw(t, "lacking"), instant(t, "awake")
	s.Promised = Promised{Epoch(rapid.IntRange(0, 3).Draw(t, "promised epoch")), instant(t, "promised")}
	s.Promoted = Epoch(rapid.IntRange(0, 3).Draw(t, "promoted"))
	s.Durable.SystemID = pick[uint64](t, "known", 0, 7)
	s.Ladder = Ladder{Epoch: 1, Rung: Rung(rapid.IntRange(0, 2).Draw(t, "rung")), Since: instant(t, "ladder")}
	return s
}

func genPolicy() Policy {
	return Policy{
		Self: Self{Name: "a", Instance: "i-a", Token: "t-a", API: "a", Host: "a", Port: 5432, Priority: 1}, TTL: 3 * Second, DriftPPM: 10_000,
		Quorum: true, SyncStandbys: 1, MinSync: 1, SuspectAfter: 800 * Millisecond, MaximumLag: 1 << 10, StopPatience: Second, StartTimeout: 60 * Second, Rewind: true, Reclone: true, Routers: true,
	}
}

// print shows everything a decision consists of, pointers followed.
func print(s State, p Plan, r Reason) string {
	text := fmt.Sprintf("%+v\n%+v\n", s, r)
	for _, a := range p {
		text += fmt.Sprintf("%s %d %d %v %v %v\n", a.Kind, a.Epoch, a.Until, a.Peer, a.Members, a.Message)
		if a.Commit != nil {
			text += fmt.Sprintf("%+v\n", *a.Commit)
		}
	}
	return text
}

// Ensure Decide is a function: the same input gives the same output, also after having been used once.
func TestDeterminism(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, o, p := genState(t), genObservation(t), genPolicy()
		s1, plan1, r1 := Decide(s, o, p)
		s2, plan2, r2 := Decide(s, o, p)
		s1.Routed, s2.Routed = nil, nil // a pointer, printed as such
		if a, b := print(s1, plan1, r1), print(s2, plan2, r2); a != b {
			t.Fatalf("differs:\n%s\n%s", a, b)
		}
	})
}

// Ensure the order in which members, histories and senders are listed changes neither rule nor actions.
func TestPermutation(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, o, p := genState(t), genObservation(t), genPolicy()
		_, plan1, r1 := Decide(s, o, p)
		if o.View == nil || o.Postgres == nil {
			return
		}
		mixer := rand.New(rand.NewSource(int64(rapid.Uint32().Draw(t, "mix"))))
		v, pg := *o.View, *o.Postgres
		v.Members, v.Ballots, pg.Senders = slices.Clone(v.Members), slices.Clone(v.Ballots), slices.Clone(pg.Senders)
		o.Heard = slices.Clone(o.Heard)
		mixer.Shuffle(len(v.Ballots), func(i, j int) { v.Ballots[i], v.Ballots[j] = v.Ballots[j], v.Ballots[i] })
		mixer.Shuffle(len(o.Heard), func(i, j int) { o.Heard[i], o.Heard[j] = o.Heard[j], o.Heard[i] })
		mixer.Shuffle(len(v.Members), func(i, j int) { v.Members[i], v.Members[j] = v.Members[j], v.Members[i] })
		mixer.Shuffle(len(pg.Senders), func(i, j int) { pg.Senders[i], pg.Senders[j] = pg.Senders[j], pg.Senders[i] })
		o.View, o.Postgres = &v, &pg
		_, plan2, r2 := Decide(s, o, p)
		if r1.Rule != r2.Rule || !slices.Equal(plan1.Kinds(), plan2.Kinds()) {
			t.Fatalf("%s %v, permuted %s %v", r1.Rule, plan1.Kinds(), r2.Rule, plan2.Kinds())
		}
	})
}

// Ensure, in every situation: PostgreSQL is promoted only under a leadership in force, with the deadman and the
// watchdog armed where there are such; a leadership is released only while PostgreSQL is proven not to be writable; at most one PostgreSQL call is asked for.
func TestSafetyOfEveryPlan(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, o, p := genState(t), genObservation(t), genPolicy()
		next, plan, r := Decide(s, o, p)
		calls := 0
		for _, a := range plan {
			if slices.Contains(PostgresActions(), a.Kind) {
				calls++
			}
			checkPromotion(t, a, next, o, p, r)
			checkRelease(t, a, next, o, r)
			checkAttached(t, a, next, o, r)
			checkPromise(t, a, s, o, r)
			checkDemotion(t, a, o, p, r)
		}
		if calls > 1 {
			t.Fatalf("%s asks for %d PostgreSQL calls at once: %v", r.Rule, calls, plan.Kinds())
		}
	})
}

func checkPromotion(t *rapid.T, a Action, s State, o Observation, p Policy, r Reason) {
	if a.Kind != ActPromote {
		return
	}
	if !s.Hold.Valid(o.Now) || a.Epoch != s.Hold.Epoch {
		t.Fatalf("%s promotes without leadership", r.Rule)
	}
	if !s.Hold.Indefinite && (o.WatchdogPending || o.Postgres.Launched && o.Deadman.ArmedUntil <= o.Now) {
		t.Fatalf("%s promotes unarmed", r.Rule)
	}
	if !s.Writable {
		t.Fatalf("%s promotes without noting that PostgreSQL may be writable from now on", r.Rule)
	}
}

func checkRelease(t *rapid.T, a Action, s State, o Observation, r Reason) {
	if a.Commit == nil || a.Commit.Leader() == nil || !a.Commit.Leader().Released {
		return
	}
	if s.Writable || o.Job != nil {
		t.Fatalf("%s releases while PostgreSQL may be writable (job %v)", r.Rule, o.Job)
	}
}

// checkDemotion: before a primary is stopped the routers are told, and they are not told otherwise while it stops.
func checkDemotion(t *rapid.T, a Action, o Observation, p Policy, r Reason) {
	mine := func(x Routes) bool {
		return x.OwnRole == RolePrimary || x.Primary != nil && x.Primary.Name == p.Self.Name
	}
	primary := o.Postgres != nil && o.Postgres.Status == StatusRunning && o.Postgres.Role == RolePrimary
	switch {
	case a.Kind == ActStop && primary && (a.Routes == nil || mine(*a.Routes)):
		t.Fatalf("%s stops a primary, and tells the routers %+v before", r.Rule, a.Routes)
	case a.Routes != nil && mine(*a.Routes) && o.Job != nil && o.Job.Kind == ActStop:
		t.Fatalf("%s sends clients to a primary that is being stopped", r.Rule)
	}
}

// Ensure the wall clock decides nothing: stepped by an hour either way, every rule and every action stays as it was.
func TestWallClockDecidesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, o, p := genState(t), genObservation(t), genPolicy()
		s1, plan1, r1 := Decide(s, o, p)
		o.Wall += int64(pick(t, "step", -3600*Second, 3600*Second))
		s2, plan2, r2 := Decide(s, o, p)
		s1.Routed, s2.Routed = nil, nil
		if fmt.Sprint(s1) != fmt.Sprint(s2) || fmt.Sprint(r1) != fmt.Sprint(r2) || !slices.Equal(plan1.Kinds(), plan2.Kinds()) {
			t.Fatalf("%s %v, with another wall clock %s %v", r1.Rule, plan1.Kinds(), r2.Rule, plan2.Kinds())
		}
	})
}
