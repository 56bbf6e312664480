// SPDX-License-Identifier: Apache-2.0

package cli_test

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pgvigil/pgvigil/supervisor/internal/api/apitest"
	"github.com/pgvigil/pgvigil/supervisor/internal/cli"
	"github.com/pgvigil/pgvigil/supervisor/internal/core"
	"github.com/pgvigil/pgvigil/supervisor/internal/status"
)

// story is a cluster that plays a list of snapshots, one every 250 ms, once an operation is asked for.
type story struct {
	*apitest.Source
	snapshots []*status.Snapshot

	mu   sync.Mutex
	took []status.Request
}

func tell(snapshots ...*status.Snapshot) *story {
	return &story{Source: published(snapshots[0]), snapshots: snapshots}
}

func (s *story) submit(_ context.Context, r status.Request) (core.Operation, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.took = append(s.took, r)
	for i, snap := range s.snapshots {
		time.AfterFunc(time.Duration(i)*250*time.Millisecond, func() { s.Publish(snap) })
	}
	return core.Operation{ID: "op1", Kind: core.OperationKind(r.Kind), From: r.From, To: r.To, State: core.Pending}, nil
}

func (s *story) requests() []status.Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.took
}

func operation(state core.OperationState, result string) core.Versioned[core.Operation] {
	return core.Versioned[core.Operation]{Rev: 9, Value: core.Operation{
		ID: "op1", Kind: core.Switchover, From: "mdw", To: "standby", State: state, Result: result,
	}}
}

// switchover is how mdw hands over to standby.
func switchover(end core.OperationState, result string) []*status.Snapshot {
	stopped := func(s *status.Snapshot) {
		s.View.Operation = operation(core.Pending, "")
		s.View.Members[0].Value.Status = core.StatusStopped
		s.View.Leader.Value.Released, s.View.Leader.Value.Successor = true, "standby"
	}
	taken := func(s *status.Snapshot) {
		stopped(s)
		s.View.Operation = operation(end, result)
		s.View.Epoch.Value.Epoch = 8
		s.View.Leader.Value = core.Leader{Holder: "standby", Epoch: 8}
		s.Handover = status.Handover{ID: "op1", From: "mdw", Took: spans(180, 0, 97, 21)}
	}
	opened := func(s *status.Snapshot) {
		taken(s)
		s.Handover.Took = spans(180, 0, 97, 21, 84, 0)
	}
	return []*status.Snapshot{apitest.Primary(), primaryWith(stopped), primaryWith(taken), primaryWith(opened)}
}

// spans are milliseconds.
func spans(ms ...core.Span) []core.Span {
	for i := range ms {
		ms[i] *= core.Millisecond
	}
	return ms
}

var elapsed = regexp.MustCompile(`\d+\.\d\d ?s`)

func TestSwitchover(t *testing.T) {
	s := tell(switchover(core.Done, "standby leads")...)
	got := shell{}.run(t, "switchover", "--yes", "--candidate", "standby", "--endpoint", serve(t, s, s.submit))
	if got.code != cli.ExitOK {
		t.Fatalf("exit %d: %s", got.code, got.err)
	}
	golden(t, "switchover.txt", elapsed.ReplaceAllString(got.out, "#s"))
	golden(t, "switchover_phases.txt", regexp.MustCompile(`(?m)^ *`).ReplaceAllString(elapsed.ReplaceAllString(got.err, "#s"), ""))
	if diff := cmp.Diff([]status.Request{{Kind: "switchover", From: "mdw", To: "standby", By: "127.0.0.1"}}, s.requests()); diff != "" {
		t.Error(diff)
	}
}

// Ensure a dry run tells what the leader foresees, asks nobody to do anything, and is refused where it would be.
func TestDryRun(t *testing.T) {
	s := tell(apitest.Primary())
	endpoint := serve(t, s, s.submit)
	dryRun := func(h status.Handover, args ...string) result {
		s.Publish(primaryWith(func(s *status.Snapshot) {
			s.View.Members[0].Value.API, s.Handover = strings.TrimPrefix(endpoint, "http://"), h
		}))
		return shell{}.run(t, append([]string{"switchover", "--dry-run", "--endpoint", endpoint}, args...)...)
	}
	before := status.Handover{ID: "op0", From: "standby", Took: spans(180, 10, 97, 21, 84, 5)}
	golden(t, "dry_run.txt", dryRun(status.Handover{}).out)
	golden(t, "dry_run_again.txt", dryRun(before).out)
	golden(t, "dry_run_json.txt", dryRun(before, "-o", "json").out)
	if got := dryRun(before, "--candidate", "standby1"); got.code != cli.ExitRefused ||
		!strings.Contains(got.err, "a switchover from mdw is not possible: standby1 is tagged nofailover") {
		t.Errorf("got %d %q", got.code, got.err)
	}
	if len(s.requests()) != 0 {
		t.Errorf("%d requests", len(s.requests()))
	}
}

func TestSwitchoverFails(t *testing.T) {
	s := tell(switchover(core.Failed, "standby died")...)
	got := shell{}.run(t, "switchover", "--yes", "--endpoint", serve(t, s, s.submit))
	if got.code != cli.ExitError || !strings.Contains(got.err, "switchover failed: standby died") || got.out != "" {
		t.Errorf("got %d %q %q", got.code, got.out, got.err)
	}
}

func TestSwitchoverTimesOut(t *testing.T) {
	s := tell(switchover(core.Done, "")[:2]...)
	got := shell{}.run(t, "switchover", "--yes", "--timeout", "600ms", "--endpoint", serve(t, s, s.submit))
	if got.code != cli.ExitTimeout || !strings.Contains(got.err, "op1 has not ended yet and goes on") {
		t.Errorf("got %d %q", got.code, got.err)
	}
}

func TestNotWaiting(t *testing.T) {
	s := tell(switchover(core.Done, "")...)
	got := shell{}.run(t, "switchover", "--yes", "--wait=false", "--endpoint", serve(t, s, s.submit))
	if got.code != cli.ExitOK || got.out != "switchover accepted, operation op1\n" {
		t.Errorf("got %d %q %q", got.code, got.out, got.err)
	}
}

func TestAskingBack(t *testing.T) {
	for _, c := range []struct {
		shell shell
		args  string
		code  int
		says  string
		asked int
	}{
		{shell{}, "switchover", cli.ExitUsage, "give --yes", 0},
		{shell{}, "reinit standby", cli.ExitUsage, "give --yes", 0},
		{shell{}, "failover --candidate standby", cli.ExitUsage, "give --yes", 0},
		{shell{inTerminal: true, in: "n\n"}, "switchover", cli.ExitError, "Switch over from mdw to the best candidate? [y/N]", 0},
		{shell{inTerminal: true, in: ""}, "switchover", cli.ExitError, "nothing was done", 0},
		{shell{inTerminal: true, in: "yes\n"}, "switchover --wait=false", cli.ExitOK, "Cluster: demo", 1},
		{shell{inTerminal: true, in: "y\n"}, "failover --candidate standby --accept-data-loss --wait=false", cli.ExitOK, "COMMITS PAST THAT ARE LOST FOR GOOD, ALSO THOSE THAT WERE ACKNOWLEDGED TO CLIENTS, and mdw still leads", 1},
		{shell{inTerminal: true, in: "Y\n"}, "failover --candidate standby --wait=false", cli.ExitOK, "mdw leads. Make standby the leader all the same", 1},
		{shell{inTerminal: true, in: "y"}, "reinit standby1 --wait=false", cli.ExitOK, "Replace all data of standby1?", 1},
	} {
		s := tell(apitest.Primary())
		got := c.shell.run(t, append(strings.Fields(c.args), "--endpoint", serve(t, s, s.submit))...)
		if got.code != c.code || !strings.Contains(got.err, c.says) || len(s.requests()) != c.asked {
			t.Errorf("%s: got %d %q, %d requests", c.args, got.code, got.err, len(s.requests()))
		}
	}
}

func TestRefused(t *testing.T) {
	leaderless := primaryWith(func(s *status.Snapshot) { s.LeaderLive = false })
	busy := primaryWith(func(s *status.Snapshot) { s.View.Operation = operation(core.Pending, "") })
	for _, c := range []struct {
		args string
		snap *status.Snapshot
		err  error
		code int
		says string
	}{
		{"switchover -y --candidate nobody", apitest.Primary(), nil, cli.ExitRefused, `cluster demo has no member "nobody" (it has [mdw standby standby1])`},
		{"switchover -y", leaderless, nil, cli.ExitNoLeader, "use pgvigil failover"},
		{"switchover -y", busy, nil, cli.ExitRefused, "switchover op1 is under way"},
		{"switchover -y --leader standby", apitest.Primary(), &core.Refusal{Reason: "the leader is mdw, not standby"}, cli.ExitRefused, "the leader is mdw, not standby"},
		{"switchover -y --leader mdw --candidate mdw", apitest.Primary(), nil, cli.ExitUsage, "is the leader"},
		{"failover -y --candidate standby", leaderless, errors.New("the DCS did not answer"), cli.ExitDCS, "the DCS did not answer"},
		{"reinit -y mdw", apitest.Primary(), &core.Refusal{Reason: "mdw leads; it cannot be copied from itself"}, cli.ExitRefused, "mdw leads"},
		{"pause", apitest.Primary(), errors.New("the DCS did not answer"), cli.ExitDCS, "the DCS did not answer"},
	} {
		operator := func(context.Context, status.Request) (core.Operation, error) { return core.Operation{}, c.err }
		got := shell{}.run(t, append(strings.Fields(c.args), "--endpoint", serve(t, published(c.snap), operator))...)
		if got.code != c.code || !strings.Contains(got.err, c.says) {
			t.Errorf("%s: got %d %q", c.args, got.code, got.err)
		}
	}
}

func TestPauseAndResume(t *testing.T) {
	paused := primaryWith(func(s *status.Snapshot) { s.View.Config.Value.Paused = true })
	for _, c := range []struct {
		command string
		snap    *status.Snapshot
		out     string
		want    []status.Request
	}{
		{"pause", apitest.Primary(), "cluster demo is paused\n", []status.Request{{Kind: "pause", By: "127.0.0.1"}}},
		{"pause", paused, "cluster demo is paused already\n", nil},
		{"resume", paused, "cluster demo is not paused\n", []status.Request{{Kind: "resume", By: "127.0.0.1"}}},
		{"resume", apitest.Primary(), "cluster demo is not paused already\n", nil},
	} {
		s := tell(c.snap)
		got := shell{}.run(t, c.command, "--endpoint", serve(t, s, s.submit))
		if got.code != cli.ExitOK || got.out != c.out {
			t.Errorf("%s: got %d %q %q", c.command, got.code, got.out, got.err)
		}
		if diff := cmp.Diff(c.want, s.requests()); diff != "" {
			t.Error(diff)
		}
	}
}

// TestWhyOfAnotherMember finds the other member's interface in the first one's answer.
func TestWhyOfAnotherMember(t *testing.T) {
	standby := serve(t, published(apitest.Standby()), nil)
	first := primaryWith(func(s *status.Snapshot) { s.View.Members[1].Value.API = strings.TrimPrefix(standby, "http://") })
	endpoint := serve(t, published(first), nil)
	got := shell{}.run(t, "why", "--member", "standby", "--endpoint", endpoint)
	if got.code != cli.ExitOK || !strings.HasPrefix(got.out, "standby: S-090") {
		t.Errorf("got %d %q %q", got.code, got.out, got.err)
	}
	if got := (shell{}).run(t, "why", "--member", "nobody", "--endpoint", endpoint); got.code != cli.ExitRefused {
		t.Errorf("got %d %q", got.code, got.err)
	}
}
