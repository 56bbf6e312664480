// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Process is the HAProxy process behind a socket.
type Process struct {
	Version string
	PID     int
	Uptime  time.Duration
}

// Follows tells whether p may be the process that before was, and has not forgotten what it was told.
func (p Process) Follows(before Process) bool {
	return p.PID == before.PID && p.Uptime >= before.Uptime
}

// State is what HAProxy has and does now.
type State struct {
	Process
	// Level of the socket: "admin", "operator" or "user".
	Level string
	// Backends are the names of all backends and listen sections.
	Backends []string
	// Servers of all backends, in the order of the configuration.
	Servers []Server
}

// Server is one line of a backend.
type Server struct {
	Backend, Name string
	// Addr is the address it is reached at, FQDN the host name it was made from, if any.
	Addr, FQDN string
	Port       int
	// Up tells that it gets connections, as long as it is not in maintenance.
	Up bool
	// Maintenance tells that the operator took it out.
	Maintenance bool
	// Checked tells that it has a health check that is on.
	Checked bool
}

// String is the server as the Runtime API spells it.
func (s Server) String() string { return s.Backend + "/" + s.Name }

// Look reads the state, all of it from the same process.
func (s Socket) Look(ctx context.Context) (State, error) {
	answers, err := s.Run(ctx, "show info", "show cli level", "show backend", "show servers state")
	if err != nil {
		return State{}, err
	}
	p, err := s.process(answers[0])
	if err != nil {
		return State{}, err
	}
	servers, err := parseServers(answers[3])
	if err != nil {
		return State{}, fmt.Errorf("%s: %w", s, err)
	}
	_, backends, _ := strings.Cut(answers[2], "\n") // below the heading
	return State{Process: p, Level: answers[1], Backends: strings.Fields(backends), Servers: servers}, nil
}

// Process tells which process listens now.
func (s Socket) Process(ctx context.Context) (Process, error) {
	answers, err := s.Run(ctx, "show info")
	if err != nil {
		return Process{}, err
	}
	return s.process(answers[0])
}

func (s Socket) process(info string) (Process, error) {
	var p Process
	for line := range strings.Lines(info) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		switch key {
		case "Version":
			p.Version = value
		case "Pid":
			p.PID, _ = strconv.Atoi(value)
		case "Uptime_sec":
			seconds, _ := strconv.Atoi(value)
			p.Uptime = time.Duration(seconds) * time.Second
		}
	}
	if p.PID == 0 {
		return Process{}, fmt.Errorf("%s: no Pid in \"show info\": is this the socket of an HAProxy?", s)
	}
	return p, nil
}

// Bits of srv_admin_state (any reason for maintenance) and of srv_check_state, as management.txt and
// HAProxy's sources have them.
const (
	anyMaintenance   = 0x01 | 0x02 | 0x04 | 0x20 | 0x40
	configuredAndOn  = 0x02 | 0x04
	stateFileVersion = "1"
)

// parseServers reads "show servers state": a version, a line of names, then a line for each server.
func parseServers(table string) ([]Server, error) {
	lines := strings.Split(table, "\n")
	if len(lines) < 2 || lines[0] != stateFileVersion {
		return nil, fmt.Errorf("servers state begins with %q, not with version %s", lines[0], stateFileVersion)
	}
	column := map[string]int{}
	for i, name := range strings.Fields(strings.TrimPrefix(lines[1], "#")) {
		column[name] = i
	}
	var servers []Server
	for _, line := range lines[2:] {
		server, err := parseServer(column, strings.Fields(line))
		if err != nil {
			return nil, fmt.Errorf("servers state %q: %w", line, err)
		}
		servers = append(servers, server)
	}
	return servers, nil
}

func parseServer(column map[string]int, fields []string) (Server, error) {
	var failed error
	text := func(name string) string {
		i, ok := column[name]
		if !ok || i >= len(fields) {
			failed = fmt.Errorf("no %s", name)
			return ""
		}
		return fields[i]
	}
	number := func(name string) int {
		n, err := strconv.Atoi(text(name))
		if err != nil && failed == nil {
			failed = fmt.Errorf("%s: %w", name, err)
		}
		return n
	}
	s := Server{
		Backend:     text("be_name"),
		Name:        text("srv_name"),
		Addr:        text("srv_addr"),
		FQDN:        text("srv_fqdn"),
		Port:        number("srv_port"),
		Up:          number("srv_op_state") != 0,
		Maintenance: number("srv_admin_state")&anyMaintenance != 0,
		Checked:     number("srv_check_state")&configuredAndOn == configuredAndOn,
	}
	return s, failed
}
