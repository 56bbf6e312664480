// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/pgvigil/pgvigil/supervisor/internal/lab"
)

// subject is a process that is watched.
type subject struct {
	host, name string
	pid        int
}

// goal is what daemon, plugins and launcher of one host may cost while nothing happens, in percent of a core.
const goal = 0.5

// footprint measures what the processes cost while nothing happens.
func footprint(ctx context.Context, s settings, c *lab.Cluster) error {
	primary, err := c.WaitPrimary(ctx)
	if err != nil {
		return err
	}
	var subjects []subject
	for _, n := range c.Nodes {
		role := "standby"
		if n == primary {
			role = "primary"
		}
		for _, p := range n.Processes() {
			if p.Program != "postgres" {
				subjects = append(subjects, subject{role, name(n, p), p.PID})
			}
		}
	}
	if s.patroni != "" {
		patroni, end, err := startPatroni(ctx, s, c)
		if err != nil {
			return err
		}
		defer end()
		subjects = append(subjects, patroni)
	}
	pause(ctx, 5*time.Second)
	return table(ctx, s, subjects)
}

func name(n *lab.Node, p lab.Process) string {
	if p.PID == n.EtcdPID() {
		return "embedded etcd"
	}
	return p.Program
}

func table(ctx context.Context, s settings, subjects []subject) error {
	before, err := runtimes(subjects)
	if err != nil {
		return err
	}
	begin := time.Now()
	pause(ctx, s.idle)
	after, err := runtimes(subjects)
	if err != nil {
		return err
	}
	took := time.Since(begin)
	fmt.Fprintf(s.out, "Cost of the idle cluster over %s; memory in MiB.\n\n", s.idle)
	s.head("host", "process", "CPU, % of a core", "RSS", "PSS")
	total := make(map[string][3]float64)
	for i, p := range subjects {
		cpu := 100 * float64(after[i]-before[i]) / float64(took)
		rss, pss, err := memory(p.pid)
		if err != nil {
			return err
		}
		s.row(p.host, p.name, decimal(cpu, 2), decimal(rss, 1), decimal(pss, 1))
		if strings.HasPrefix(p.name, "pgvigil") {
			sum := total[p.host]
			total[p.host] = [3]float64{sum[0] + cpu, sum[1] + rss, sum[2] + pss}
		}
	}
	s.row("primary", "**daemon, plugins and launcher**", decimal(total["primary"][0], 2), decimal(total["primary"][1], 1), decimal(total["primary"][2], 1))
	s.row("standby", "**the same, two hosts**", decimal(total["standby"][0], 2), decimal(total["standby"][1], 1), decimal(total["standby"][2], 1))
	s.verdict("primary", total["primary"][0], 1)
	s.verdict("standby", total["standby"][0], 2)
	fmt.Fprintln(s.out)
	return nil
}

// verdict compares the sum over hosts with the goal.
func (s settings) verdict(host string, sum float64, hosts int) {
	word, each := "met", sum/float64(hosts)
	if each > goal {
		word = "missed"
	}
	fmt.Fprintf(s.out, "\n%s: %s %% of a core, goal %s %%: %s\n", host, decimal(each, 2), decimal(goal, 2), word)
}

func decimal(f float64, digits int) string { return strconv.FormatFloat(f, 'f', digits, 64) }

// runtimes reads for how long each process has run, all threads that it has now together.
func runtimes(subjects []subject) ([]time.Duration, error) {
	all := make([]time.Duration, len(subjects))
	for i, p := range subjects {
		threads, err := filepath.Glob("/proc/" + strconv.Itoa(p.pid) + "/task/*/schedstat")
		if err != nil || len(threads) == 0 {
			return nil, fmt.Errorf("%s of the %s: no threads", p.name, p.host)
		}
		for _, thread := range threads {
			stat, err := os.ReadFile(thread)
			if errors.Is(err, fs.ErrNotExist) {
				continue // it has just ended, as Go's threads hardly do
			}
			if err != nil {
				return nil, fmt.Errorf("%s of the %s: %w", p.name, p.host, err)
			}
			run, _, _ := strings.Cut(string(stat), " ")
			ns, err := strconv.ParseInt(run, 10, 64)
			if err != nil {
				return nil, fmt.Errorf("%s of the %s: %w", p.name, p.host, err)
			}
			all[i] += time.Duration(ns)
		}
	}
	return all, nil
}

// memory is the resident and the proportional set of a process in MiB.
func memory(pid int) (rss, pss float64, err error) {
	file, err := os.Open("/proc/" + strconv.Itoa(pid) + "/smaps_rollup")
	if err != nil {
		return 0, 0, err
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) < 2 {
			continue
		}
		kib, _ := strconv.ParseFloat(fields[1], 64)
		switch fields[0] {
		case "Rss:":
			rss = kib / 1024
		case "Pss:":
			pss = kib / 1024
		}
	}
	return rss, pss, nil
}
