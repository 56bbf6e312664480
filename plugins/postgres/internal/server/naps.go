// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"strconv"
	"strings"

	"github.com/pgvigil/pgvigil/plugins/postgres/internal/proc"
)

// waits tells what each of the server's processes waits for, if it does and has taken every SIGHUP sent before. Those
// that are not in the answer did something meanwhile. PostgreSQL's main loops look for the signal between two waits,
// and a signal that comes after that look makes the wait end at once; so a process that is in the wait of its main loop
// works with the settings that the signal was about.
func (i *instance) waits(ctx context.Context, pids []int) (map[int]string, error) {
	first := naps(pids)
	sets, err := i.conn.Query(ctx, `SELECT pid, wait_event FROM pg_stat_get_activity(NULL) WHERE wait_event IS NOT NULL AND pid = ANY ('{`+join(pids)+`}')`)
	if err != nil {
		return nil, err
	}
	second := naps(pids)
	out := map[int]string{}
	for _, row := range sets[0] {
		pid, err := strconv.Atoi(row[0])
		if err != nil {
			return nil, err
		}
		if proc.SleptThrough(first[pid], second[pid]) {
			out[pid] = row[1]
		}
	}
	return out, nil
}

// naps looks at processes; one that cannot be looked at is not asleep.
func naps(pids []int) map[int]proc.Nap {
	out := map[int]proc.Nap{}
	for _, pid := range pids {
		if n, err := proc.LookAt(pid); err == nil {
			out[pid] = n
		}
	}
	return out
}

// join lists numbers for SQL.
func join(pids []int) string {
	var out []string
	for _, pid := range pids {
		out = append(out, strconv.Itoa(pid))
	}
	return strings.Join(out, ",")
}

// pids runs a query for process numbers.
func (i *instance) pids(ctx context.Context, sql string) ([]int, error) {
	sets, err := i.conn.Query(ctx, sql)
	if err != nil {
		return nil, err
	}
	var out []int
	for _, row := range sets[0] {
		pid, err := strconv.Atoi(row[0])
		if err != nil {
			return nil, err
		}
		out = append(out, pid)
	}
	return out, nil
}
