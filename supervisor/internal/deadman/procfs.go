// SPDX-License-Identifier: Apache-2.0

package deadman

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// stat is what this package needs of /proc/<pid>/stat.
type stat struct {
	pid        int
	comm       string
	state      byte
	ppid       int
	threads    int
	startTicks uint64
}

// dead reports a process that will not run again: a zombie or one past it. With threads left, the first of them is a zombie
// while the process still holds its files.
func (s stat) dead() bool {
	return s.threads <= 1 && (s.state == 'Z' || s.state == 'X' || s.state == 'x')
}

// readStat reads the stat line of pid; unix.ESRCH if there is no such process.
func readStat(pid int) (stat, error) {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ESRCH) {
		return stat{}, fmt.Errorf("process %d: %w", pid, unix.ESRCH)
	}
	if err != nil {
		return stat{}, fmt.Errorf("process %d: %w", pid, err)
	}
	return parseStat(string(b))
}

// parseStat takes the line apart. The command name stands in parentheses and may itself contain any character, so the
// fields are counted from the last closing one.
func parseStat(line string) (stat, error) {
	open, end := strings.IndexByte(line, '('), strings.LastIndexByte(line, ')')
	if open < 1 || end < open {
		return stat{}, fmt.Errorf("malformed stat line %q", line)
	}
	f := strings.Fields(line[end+1:])
	if len(f) < 20 {
		return stat{}, fmt.Errorf("short stat line %q", line)
	}
	pid, err1 := strconv.Atoi(strings.TrimSpace(line[:open]))
	ppid, err2 := strconv.Atoi(f[1])
	threads, err3 := strconv.Atoi(f[17])
	start, err4 := strconv.ParseUint(f[19], 10, 64)
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		return stat{}, fmt.Errorf("stat line: %w", err)
	}
	return stat{pid: pid, comm: line[open+1 : end], state: f[0][0], ppid: ppid, threads: threads, startTicks: start}, nil
}

// pids lists the processes of /proc.
func pids() ([]int, error) {
	d, err := os.Open("/proc")
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	defer d.Close()
	names, err := d.Readdirnames(-1)
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	list := make([]int, 0, len(names))
	for _, n := range names {
		if pid, err := strconv.Atoi(n); err == nil {
			list = append(list, pid)
		}
	}
	return list, nil
}

// Descendants returns the live descendants of pid, children first, zombies left out.
func Descendants(pid int) ([]Process, error) {
	list, err := pids()
	if err != nil {
		return nil, err
	}
	children := make(map[int][]stat)
	for _, p := range list {
		if st, err := readStat(p); err == nil {
			children[st.ppid] = append(children[st.ppid], st)
		}
	}
	var out []Process
	for queue := []int{pid}; len(queue) > 0; queue = queue[1:] {
		for _, st := range children[queue[0]] {
			queue = append(queue, st.pid)
			if !st.dead() {
				out = append(out, Process{PID: st.pid, StartTicks: st.startTicks})
			}
		}
	}
	return out, nil
}
