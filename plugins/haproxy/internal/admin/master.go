// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Master is the path of a master socket.
type Master string

// Reload has the master load its configuration. Before HAProxy 2.7 it does not tell how that went.
func (m Master) Reload(ctx context.Context) error {
	answer, err := m.run(ctx, "reload")
	if err == nil && strings.HasPrefix(answer, "Success=0") {
		err = fmt.Errorf("%s: HAProxy could not reload: %s", m, answer)
	}
	return err
}

// CutLeftBehind ends the sessions of servers, such as "primary/m1", in the processes that earlier reloads
// left behind. Without servers it only tries whether it could.
func (m Master) CutLeftBehind(ctx context.Context, servers []string) error {
	ctx, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	table, err := m.run(ctx, "show proc")
	if err != nil || len(servers) == 0 {
		return err
	}
	for _, pid := range oldWorkers(table) {
		if err := m.cut(ctx, pid, servers); err != nil {
			return err
		}
	}
	return nil
}

// cutAtOnce is how many sessions are ended by a line, which has to fit into HAProxy's buffer.
const cutAtOnce = 100

// cut ends the sessions of servers in a process one by one: its proxies are disabled, and it does no longer
// take "shutdown sessions server".
func (m Master) cut(ctx context.Context, pid int, servers []string) error {
	table, err := m.run(ctx, fmt.Sprintf("@!%d show sess", pid))
	if err != nil {
		return err
	}
	for chunk := range slices.Chunk(sessions(table, servers), cutAtOnce) {
		var commands []string
		for _, id := range chunk {
			commands = append(commands, fmt.Sprintf("@!%d shutdown session %s", pid, id))
		}
		if _, err := m.run(ctx, commands...); err != nil {
			return err
		}
	}
	return nil
}

// run returns the answer to the first command.
func (m Master) run(ctx context.Context, commands ...string) (string, error) {
	answers, err := run(ctx, string(m), commands...)
	if err != nil {
		return "", explain(err, string(m), fmt.Sprintf("its option \"-S %s,mode,660,group,…\"", m))
	}
	return answers[0], nil
}

// oldWorkers reads "show proc".
func oldWorkers(table string) []int {
	var pids []int
	_, old, _ := strings.Cut(table, "# old workers\n")
	for line := range strings.Lines(old) {
		pid, err := strconv.Atoi(strings.Fields(line)[0])
		if err != nil {
			break // the next heading
		}
		pids = append(pids, pid)
	}
	return pids
}

// sessions reads "show sess": the ids of the sessions of servers.
func sessions(table string, servers []string) []string {
	var ids []string
	for line := range strings.Lines(table) {
		id, rest, _ := strings.Cut(line, ":")
		backend, server := "", ""
		for _, field := range strings.Fields(rest) {
			switch key, value, _ := strings.Cut(field, "="); key {
			case "be":
				backend = value
			case "srv":
				server = value
			}
		}
		if slices.Contains(servers, backend+"/"+server) {
			ids = append(ids, id)
		}
	}
	return ids
}
