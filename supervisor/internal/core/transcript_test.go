// SPDX-License-Identifier: Apache-2.0

package core

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write what happens into the transcripts; commit only what you understand")

// Ensure the stories in testdata go as they are told. A line that begins with ">" is a command, the lines below it are
// what the supervisors decided while it was carried out. See the commands at perform.
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d transcripts: %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := tell(t, string(want))
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != string(want) {
				t.Errorf("the story goes differently now:\n%s\nrun with -update and look at the difference", got)
			}
		})
	}
}

// tell replays the commands of a transcript and returns it with what happened.
func tell(t *testing.T, text string) string {
	t.Helper()
	var out strings.Builder
	w := newWorld("a", "b", "c")
	for _, line := range strings.Split(text, "\n") {
		switch {
		case strings.HasPrefix(line, "#"):
			out.WriteString(line + "\n")
		case strings.HasPrefix(line, ">"):
			out.WriteString("\n" + line + "\n")
			w.out.Reset()
			if err := w.perform(strings.Fields(line[1:])); err != nil {
				t.Errorf("%s: %v", line, err)
			}
			out.WriteString(w.out.String())
		}
	}
	for _, v := range w.violations {
		t.Error(v)
	}
	return out.String()
}

// perform carries out one command:
//
//	born                 run until the new cluster is healthy, and do not tell
//	open X SYSTEM        a primary of that database system runs on X, which nobody supervised
//	quorum K MIN         durability is "quorum": K standbys acknowledge, at least MIN; before "born"
//	healthy N            run until one primary leads and all others stream, at most N seconds
//	run N                run N seconds
//	primary X            fail unless X is the one writable primary
//	none                 fail unless nobody is writable
//	write                every primary writes
//	kill-postmaster X    PostgreSQL of X dies
//	kill-host X, boot X  the host loses power, comes back
//	cut X, heal X        the host reaches nobody, reaches all again
//	freeze X, thaw X     the supervisor does not run, runs on (its PostgreSQL does all the time)
//	restart X            the supervisor is a new process
//	dcsless X, dcsful X  the host reaches all but the DCS
//	apart X Y, together X  two hosts do not reach each other
//	pooler X             there is a pooler on the host
//	jam X                the pooler cannot hold clients back
//	lose X, find X       answers of the DCS to X are lost, are not
//	dcs down|up          the DCS
//	switchover X         an operator asks to hand over to X
//	failover X           an operator names X
//	pause, resume        an operator pauses, resumes
//	show                 print the cluster
func (w *world) perform(c []string) error {
	switch c[0] {
	case "born":
		defer w.out.Reset()
		return w.await([]string{"healthy", "20"})
	case "healthy", "run":
		return w.await(c)
	case "primary":
		return expect(w.primary(), c[1])
	case "none":
		return expect(w.primary(), "")
	case "write":
		w.write()
	case "open":
		pg := &w.node(c[1]).pg
		*pg = instance{exists: true, running: true, primary: true, wasOpen: true, pid: pg.pid, timeline: 1, lsn: 100, line: c[1]}
		_, err := fmt.Sscan(c[2], &pg.systemID)
		return err
	case "quorum":
		k, least := 0, 0
		if _, err := fmt.Sscan(c[1]+" "+c[2], &k, &least); err != nil {
			return err
		}
		w.makeQuorum(k, least)
	case "apart":
		w.node(c[1]).apart = c[2]
	case "dcs":
		w.dcs.down = c[1] == "down"
	case "pause", "resume":
		w.dcs.apply([]Write{{KeyConfig, Config{Paused: c[0] == "pause"}}})
	case "switchover", "failover":
		w.dcs.apply([]Write{{KeyOperation, Operation{ID: "to " + c[1], Kind: OperationKind(c[0]), To: c[1], State: Pending}}})
	case "show":
		w.show()
	default:
		return w.inflict(c[0], w.node(c[1]))
	}
	return nil
}

func expect(got, want string) error {
	if got != want {
		return fmt.Errorf("the primary is %q, want %q", got, want)
	}
	return nil
}

func (w *world) await(c []string) error {
	seconds, err := strconv.ParseFloat(c[1], 64)
	if err != nil {
		return err
	}
	if c[0] == "run" {
		w.run(Span(seconds*float64(Second)), nil)
		return nil
	}
	w.run(Span(seconds*float64(Second)), w.healthy)
	if !w.healthy() {
		return fmt.Errorf("not healthy in time")
	}
	return nil
}

// inflict does something to a node.
func (w *world) inflict(what string, n *node) error {
	switch what {
	case "kill-postmaster":
		n.pg.kill()
		n.wake = w.now
	case "kill-host":
		n.up, n.job = false, nil
		n.pg.kill()
	case "boot":
		n.boots++
		n.up = true
		n.policy.Self.Token = fmt.Sprintf("t-%s-%d", n.name, n.boots)
		n.state = State{Durable: Durable{OfDisk: n.state.OfDisk}}
		n.o, n.wake, n.rule = Observation{}, w.now, ""
	case "restart":
		n.state, n.o, n.job, n.wake, n.rule, n.frozen = State{Durable: n.state.Durable}, Observation{}, nil, w.now, "", false
	case "cut", "heal":
		n.cut = what == "cut"
	case "dcsless", "dcsful":
		n.dcsless = what == "dcsless"
	case "together":
		n.apart = ""
	case "freeze", "thaw":
		n.frozen = what == "freeze"
	case "pooler":
		n.pools = true
	case "jam":
		n.stuck = "transactions do not end"
	case "lose", "find":
		n.loseAnswers = what == "lose"
	default:
		return fmt.Errorf("unknown command %q", what)
	}
	return nil
}

func (w *world) show() {
	if c := fetch[Cohort](w.dcs, KeyCohort).Value; len(c.Members) > 0 {
		w.say("cohort of epoch %d: %s, k %d", c.Epoch, strings.Join(c.Members, " "), c.K)
	}
	l := fetch[Leader](w.dcs, KeyLeader).Value
	w.say("epoch %d, leader %s, released %t", l.Epoch, l.Holder, l.Released)
	for _, n := range w.nodes {
		role := "down"
		switch {
		case !n.up:
			role = "host down"
		case n.pg.primary:
			role = "primary"
		case n.pg.running:
			role = "standby of " + n.pg.upstream
		}
		w.say("  %s: %s, timeline %d, lsn %d", n.name, role, n.pg.timeline, n.pg.lsn)
	}
}
