// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/pgvigil/pgvigil/supervisor/internal/lab"
	"github.com/pgvigil/pgvigil/supervisor/internal/lab/deployment"
)

// stack is a whole deployment, with one virtual address, that is compared with others.
type stack struct {
	name, text string
	n          int
	// beat is the time between two renewals of the leadership: a fault comes at some moment in between.
	beat   time.Duration
	deploy func(*lab.Cluster) (*deployment.Deployment, error)
}

// stacks are those asked for.
func (s settings) stacks() (stacks []stack, err error) {
	for name := range strings.SplitSeq(s.peers, ",") {
		switch name {
		case "pgvigil":
			text := fmt.Sprintf("quorum durability, ttl %s, embedded etcd, plugins for HAProxy, Keepalived and PgBouncer", s.ttl)
			stacks = append(stacks, stack{name, text, cmp.Or(s.runs, 10), s.ttl / 3, deployment.PGVigil})
		case "guide":
			stacks = append(stacks, s.patroniStack(name, s.guide, deployment.Guide()))
		case "tightest":
			stacks = append(stacks, s.patroniStack(name, s.tightest, deployment.Tightest()))
		default:
			return nil, fmt.Errorf("-peers: %q is none of pgvigil, guide, tightest", name)
		}
		if name != "pgvigil" && s.patroni == "" {
			return nil, fmt.Errorf("-peers %s needs -patroni (second line of contrib/lab/postgres17.sh --patroni)", name)
		}
	}
	return stacks, nil
}

func (s settings) patroniStack(name string, n int, pace deployment.Pace) stack {
	deploy := func(c *lab.Cluster) (*deployment.Deployment, error) { return deployment.Patroni(c, s.patroni, pace) }
	return stack{name, pace.String(), n, time.Duration(pace.LoopWait) * time.Second, deploy}
}

// severed is for how long a host is cut off once another has taken over.
const severed = 5 * time.Second

// peerFaults befall the host that has the primary and the virtual address, with what is aimed at for pgvigil on a quiet machine.
func peerFaults(d *deployment.Deployment) []fault {
	const haproxy = "haproxy"
	heal := func(ctx context.Context, _ *lab.Cluster, n *lab.Node) error {
		pause(ctx, severed)
		return n.Heal()
	}
	lose, back := node(d.Lose), node(d.Return)
	cut := node(func(n *lab.Node) error { return n.Cut(lab.Cut{}) })
	kill := node(func(n *lab.Node) error { return d.Kill(n, haproxy) })
	launch := node(func(n *lab.Node) error { return d.Launch(n, haproxy) })
	return []fault{
		{name: "postmaster kill -9", play: node((*lab.Node).KillPostmaster), median: millis(300), worst: millis(700)},
		{name: "host lost with the etcd leader", ready: etcdLeads(true), play: lose, mend: back,
			median: millis(1500), worst: millis(2500)},
		{name: "host lost", ready: etcdLeads(false), play: lose, mend: back},
		{name: "primary cut off, healed", ready: etcdLeads(false), play: cut, mend: heal, median: millis(1500)},
		{name: "switchover", play: switchover, median: millis(300)},
		{name: "haproxy kill -9", play: kill, mend: launch, worst: millis(1000)},
	}
}

// compare plays every fault on each stack, newly made for it, and prints one table at the end, also of what came before an error.
func compare(ctx context.Context, s settings) error {
	if err := lab.Preflight(); err != nil {
		return err
	}
	var names []string
	for _, f := range peerFaults(nil) {
		names = append(names, f.name)
	}
	if !slices.ContainsFunc(names, s.wants) {
		return fmt.Errorf("no fault begins with %q: there are %s", s.only, strings.Join(names, "; "))
	}
	stacks, err := s.stacks()
	if err != nil {
		return err
	}
	s.versions(ctx)
	for _, st := range stacks {
		fmt.Fprintf(s.out, "- %s: %s\n", st.name, st.text)
	}
	var rows [][]any
	var failed []error
	for i, f := range peerFaults(nil) {
		if !s.wants(f.name) {
			continue
		}
		more, err := s.suffer(ctx, stacks, i, f)
		rows, failed = append(rows, more...), append(failed, err)
	}
	fmt.Fprintf(s.out, "\nLongest time between two acknowledged writes of one client at the virtual address, in milliseconds: around a fault "+
		"of the host that has the address and the primary, and afterwards, until that host is back and all is well. "+
		"Ratio of the medians to that of pgvigil.\n\n")
	s.head("fault", "stack", "n", "median", "worst", "ratio", "goal", "worst afterwards",
		"acknowledged writes lost", "lost by a client on that host")
	for _, row := range rows {
		s.row(row...)
	}
	return errors.Join(failed...)
}

// suffer plays the i-th fault on every stack and returns the lines of the table. One stack's error does not keep the others from
// it.
func (s settings) suffer(ctx context.Context, stacks []stack, i int, f fault) (rows [][]any, failed error) {
	var own time.Duration
	for _, st := range stacks {
		sum, err := st.measure(ctx, s, i)
		if err != nil {
			err = fmt.Errorf("%s: %s: %w", st.name, f.name, err)
			fmt.Fprintln(os.Stderr, err)
			failed = errors.Join(failed, err)
		}
		if len(sum.gaps) == 0 {
			continue
		}
		goal, ratio := "", ""
		if st.name == "pgvigil" {
			own, goal = sum.median(), f.goal()
		}
		if own > 0 {
			ratio = decimal(float64(sum.median())/float64(own), 1)
		}
		rows = append(rows, []any{f.name, st.name, len(sum.gaps), sum.median().Milliseconds(), sum.worst().Milliseconds(), ratio, goal,
			sum.afterwards.Milliseconds(), sum.lost - sum.host, sum.host})
	}
	return rows, failed
}

// measure plays one of the faults.
func (st stack) measure(ctx context.Context, s settings, i int) (all sum, err error) {
	if err := ctx.Err(); err != nil {
		return all, err
	}
	options := lab.Options{Bin: s.bin, PGBin: s.pgBin, TTL: s.ttl, Netns: true, Durability: "quorum"}
	if s.logs != "" {
		options.Dir, options.Keep = filepath.Join(s.logs, fmt.Sprintf("%s-%d", st.name, i+1)), true
	}
	c, err := lab.New(options)
	if err != nil {
		return all, err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	d, err := st.deploy(c)
	if err != nil {
		return all, err
	}
	defer d.Close()
	up, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	if err := d.Up(up); err != nil {
		return all, err
	}
	t, err := through(st, d)
	if err != nil {
		return all, err
	}
	return repeat(ctx, t, peerFaults(d)[i], st.n)
}

// versions prints those of the programs.
func (s settings) versions(ctx context.Context) {
	commands := [][]string{{filepath.Join(s.pgBin, "postgres"), "-V"}, {"haproxy", "-v"}, {"keepalived", "-v"}}
	if s.patroni != "" {
		commands = append(commands, []string{s.patroni, "--version"}, []string{deployment.EtcdBeside(s.patroni), "--version"})
	}
	for _, words := range commands {
		text, err := exec.CommandContext(ctx, words[0], words[1:]...).CombinedOutput()
		line, _, _ := strings.Cut(string(text), "\n")
		if err != nil {
			line = filepath.Base(words[0]) + ": " + err.Error()
		}
		fmt.Fprintln(s.out, "- "+line)
	}
}
