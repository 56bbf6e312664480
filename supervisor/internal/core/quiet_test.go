// SPDX-License-Identifier: Apache-2.0

package core

import (
	"reflect"
	"slices"
	"testing"
)

// eachChange hands out a copy of v with one field changed, for every field of the struct there is, so that a field that is
// added later is not forgotten.
func eachChange[T any](t *testing.T, v T, check func(field string, changed T)) {
	t.Helper()
	for i := range reflect.TypeFor[T]().NumField() {
		changed := v
		change(t, reflect.ValueOf(&changed).Elem().Field(i))
		check(reflect.TypeFor[T]().Field(i).Name, changed)
	}
}

// change gives a field another value.
func change(t *testing.T, f reflect.Value) {
	t.Helper()
	switch f.Kind() {
	case reflect.String:
		f.SetString(f.String() + "x")
	case reflect.Bool:
		f.SetBool(!f.Bool())
	case reflect.Int, reflect.Int64:
		f.SetInt(f.Int() + 1)
	case reflect.Uint16, reflect.Uint32, reflect.Uint64:
		f.SetUint(f.Uint() + 1)
	case reflect.Slice:
		f.Set(reflect.Append(f.Slice3(0, f.Len(), f.Len()), reflect.Zero(f.Type().Elem())))
	case reflect.Map:
		f.Set(reflect.ValueOf(map[string]string{"changed": "yes"}))
	case reflect.Pointer:
		f.Set(reflect.New(f.Type().Elem()))
	case reflect.Struct:
		if rev := f.FieldByName("Rev"); rev.IsValid() { // a record with its revision, which changes with every write
			change(t, rev)
			f = f.FieldByName("Value")
		}
		change(t, f.Field(0))
	default:
		t.Fatalf("field of kind %s is not known here", f.Kind())
	}
}

// Ensure two member records are the same only if they differ in beats and positions.
func TestSameMember(t *testing.T) {
	m := Member{Name: "node1", LSN: 7, Replayed: 7, Beat: 7, PendingRestart: []string{"a"}, Tags: map[string]string{"a": "b"}}
	if !sameMember(m, m) {
		t.Error("differs from itself")
	}
	moving := []string{"Beat", "LSN", "Replayed"}
	eachChange(t, m, func(field string, changed Member) {
		if same, want := sameMember(m, changed), slices.Contains(moving, field); same != want {
			t.Errorf("%s changed: same is %t", field, same)
		}
	})
	m.Race = 3
	eachChange(t, m, func(field string, changed Member) {
		if same, want := sameMember(m, changed), field == "Beat"; same != want {
			t.Errorf("%s changed in a race: same is %t", field, same)
		}
	})
}

// Ensure a report is quiet only if it tells of nothing but positions.
func TestQuietPostgres(t *testing.T) {
	pg := Postgres{
		Status: StatusRunning, LSN: 7, Receiver: &Receiver{Status: "streaming"}, Senders: []Sender{{Member: "node2", Sent: 7}},
	}
	moving := []string{"At", "LSN", "Received", "Replayed", "ReplayedAtUnix"}
	eachChange(t, pg, func(field string, changed Postgres) {
		if quiet, want := QuietPostgres(&pg, &changed), slices.Contains(moving, field); quiet != want {
			t.Errorf("%s changed: quiet is %t", field, quiet)
		}
	})
	eachChange(t, *pg.Receiver, func(field string, changed Receiver) {
		after := pg
		after.Receiver = &changed
		if quiet, want := QuietPostgres(&pg, &after), field == "Silence"; quiet != want {
			t.Errorf("%s of the receiver changed: quiet is %t", field, quiet)
		}
	})
	positions := []string{"Sent", "Write", "Flush", "Replay"}
	eachChange(t, pg.Senders[0], func(field string, changed Sender) {
		after := pg
		after.Senders = []Sender{changed}
		if quiet, want := QuietPostgres(&pg, &after), slices.Contains(positions, field); quiet != want {
			t.Errorf("%s of a sender changed: quiet is %t", field, quiet)
		}
	})
	stopped := pg
	stopped.Status = StatusStopped
	if QuietPostgres(&stopped, &stopped) {
		t.Error("a PostgreSQL that does not run is quiet")
	}
}

// Ensure a picture is quiet only if it tells of nothing but beats and own renewals.
func TestQuietView(t *testing.T) {
	v := View{
		Revision: 7, Leader: Versioned[Leader]{Rev: 7, Value: Leader{Holder: "node1"}},
		Members: []Versioned[Member]{{Rev: 6, Value: Member{Name: "node2"}}},
	}
	eachChange(t, v, func(field string, changed View) {
		if quiet, want := QuietView(&v, &changed, "node1"), slices.Contains([]string{"Revision", "AskedAt", "SeenAt"}, field); quiet != want {
			t.Errorf("%s changed: quiet is %t", field, quiet)
		}
	})
	moving := []string{"Renewal", "SentAt", "LSN"}
	eachChange(t, v.Leader.Value, func(field string, changed Leader) {
		after := v
		after.Leader = Versioned[Leader]{Rev: 8, Value: changed}
		if quiet, want := QuietView(&v, &after, "node1"), slices.Contains(moving, field); quiet != want {
			t.Errorf("%s of the own leader record changed: quiet is %t", field, quiet)
		}
		if QuietView(&v, &after, "node2") {
			t.Errorf("%s of the leader record of another changed: quiet", field)
		}
	})
	beat := v
	beat.Members = []Versioned[Member]{{Rev: 8, Value: Member{Name: "node2", Beat: 1}}}
	if !QuietView(&v, &beat, "node1") {
		t.Error("a beat is news")
	}
	beat.Members[0].Value.Status = StatusCrashed
	if QuietView(&v, &beat, "node1") {
		t.Error("a crash is quiet")
	}
}

// Ensure nothing waits while something is under way.
func TestCalm(t *testing.T) {
	view := View{Revision: 7}
	pg := Postgres{At: 5, Status: StatusRunning, Role: RolePrimary}
	calm := State{Durable: Durable{OfBoot: OfBoot{Hold: Hold{Epoch: 1}}}, Claim: Claim{Done: true}, LastCommit: 7, LastJobEnd: 5}
	if !Calm(calm, Observation{View: &view, Postgres: &pg}) {
		t.Fatal("an idle primary is not calm")
	}
	busy := map[string]func(*State, *Observation){
		"no picture":             func(_ *State, o *Observation) { o.View = nil },
		"no report":              func(_ *State, o *Observation) { o.Postgres = nil },
		"stopping":               func(_ *State, o *Observation) { o.Stopping = true },
		"action under way":       func(_ *State, o *Observation) { o.Job = &Job{} },
		"action failed":          func(s *State, _ *Observation) { s.Retries = []Retry{{}} },
		"name not claimed":       func(s *State, _ *Observation) { s.Claim.Done = false },
		"race":                   func(s *State, _ *Observation) { s.RaceSince = 1 },
		"own write not seen":     func(s *State, _ *Observation) { s.LastCommit = 8 },
		"report older than job":  func(s *State, _ *Observation) { s.LastJobEnd = 6 },
		"primary without a hold": func(s *State, _ *Observation) { s.Hold = Hold{} },
		"down": func(_ *State, o *Observation) {
			o.Postgres = &Postgres{At: 5, Status: StatusCrashed, Role: RolePrimary}
		},
		"standby that does not stream": func(s *State, o *Observation) {
			s.Hold = Hold{}
			o.Postgres = &Postgres{At: 5, Status: StatusRunning, Role: RoleStandby}
		},
		"operation pending": func(_ *State, o *Observation) {
			o.View = &View{Revision: 7, Operation: Versioned[Operation]{Value: Operation{State: Pending}}}
		},
		"lacking":            func(s *State, _ *Observation) { s.Lacking = true },
		"voted":              func(s *State, _ *Observation) { s.Voted = 1 },
		"cohort under way":   func(s *State, _ *Observation) { s.Sent = Cohort{Epoch: 1} },
		"setting under way":  func(s *State, _ *Observation) { s.Told = SyncSet{[]string{"node2"}, 1} },
		"record not in step": func(s *State, _ *Observation) { s.Cohort = Cohort{Epoch: 1, Members: []string{"node2"}, K: 1} },
	}
	for name, disturb := range busy {
		s, o := calm, Observation{View: &view, Postgres: &pg}
		disturb(&s, &o)
		if Calm(s, o) {
			t.Errorf("%s: calm", name)
		}
	}
}
