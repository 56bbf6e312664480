// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
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
	before, err := ticks(subjects)
	if err != nil {
		return err
	}
	begin := time.Now()
	pause(ctx, s.idle)
	after, err := ticks(subjects)
	if err != nil {
		return err
	}
	took := time.Since(begin)
	fmt.Fprintf(s.out, "Cost of the idle cluster over %s; memory in MiB.\n\n", s.idle)
	s.head("host", "process", "CPU, % of a core", "RSS", "PSS")
	total := make(map[string][3]float64)
	for i, p := range subjects {
		// The kernel counts in hundredths of a second, whatever its own tick (USER_HZ).
		cpu := float64(after[i]-before[i]) / took.Seconds()
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
	fmt.Fprintln(s.out)
	return nil
}

func decimal(f float64, digits int) string { return strconv.FormatFloat(f, 'f', digits, 64) }

// ticks reads the processor time of each process.
func ticks(subjects []subject) ([]int64, error) {
	all := make([]int64, len(subjects))
	for i, p := range subjects {
		stat, err := os.ReadFile("/proc/" + strconv.Itoa(p.pid) + "/stat")
		if err != nil {
			return nil, fmt.Errorf("%s of the %s: %w", p.name, p.host, err)
		}
		fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
		for _, field := range fields[11:13] {
			n, err := strconv.ParseInt(field, 10, 64)
			if err != nil {
				return nil, err
			}
			all[i] += n
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
