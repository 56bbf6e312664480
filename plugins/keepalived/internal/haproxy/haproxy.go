// SPDX-License-Identifier: Apache-2.0

// Package haproxy asks a running HAProxy, over its stats socket, which servers of a backend get traffic.
package haproxy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// Server of a backend that gets traffic.
type Server struct {
	// Name in HAProxy's configuration.
	Name string
	// Addr is not valid for one that is reached through a Unix socket.
	Addr netip.Addr
	// Unchecked is a server that HAProxy takes for up since its start, without having checked it yet.
	Unchecked bool
}

// Servers lists the servers of a backend that get traffic now: those that are up and not in maintenance or drained.
// Each call connects anew, so that after a reload the new HAProxy answers. The error says what to change.
func Servers(ctx context.Context, socket, backend string) ([]Server, error) {
	raw, err := ask(ctx, socket, "show servers state "+backend)
	if ctx.Err() != nil {
		err = errors.New("it hangs")
	}
	if err != nil {
		return nil, fmt.Errorf("HAProxy does not answer: %w: it must run, with \"stats socket %s level user\" and a mode that lets "+
			"the user of pgvigil in", err, socket)
	}
	return parse(raw, backend)
}

// ask sends one command and reads all of the answer, bounded by ctx.
func ask(ctx context.Context, socket, command string) ([]byte, error) {
	conn, err := dial(ctx, socket)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()
	if _, err := io.WriteString(conn, command+"\n"); err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(conn, 1<<20))
}

func dial(ctx context.Context, socket string) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, "unix", socket)
}

// Columns of "show servers state", format 1.
const (
	columnName, columnAddr, columnOperation, columnAdmin = 3, 4, 5, 6
	columnCheckStatus, columnCheckState                  = 10, 13
	columns                                              = 14
)

func parse(raw []byte, backend string) ([]Server, error) {
	lines := bytes.Split(bytes.TrimSpace(raw), []byte("\n"))
	if string(lines[0]) != "1" {
		return nil, fmt.Errorf("HAProxy says of the backend %s %q: set haproxy_backend to the one that leads to the primary",
			backend, lines[0])
	}
	var up []Server
	for _, line := range lines[1:] {
		if bytes.HasPrefix(line, []byte("#")) || len(line) == 0 {
			continue
		}
		fields := strings.Fields(string(line))
		if len(fields) < columns {
			return nil, errors.New("HAProxy says something else than the state of its servers")
		}
		if operating(fields[columnOperation]) && fields[columnAdmin] == "0" {
			addr, _ := netip.ParseAddr(fields[columnAddr])
			up = append(up, Server{fields[columnName], addr.Unmap(), unchecked(fields[columnCheckStatus], fields[columnCheckState])})
		}
	}
	return up, nil
}

// operating: 1 is starting slowly, 2 is running; 0 is stopped, 3 is stopping.
func operating(state string) bool { return state == "1" || state == "2" }

// unchecked: the status of a check is 0 or 1 before its first result; bit 2 of its state is that there is a check.
func unchecked(status, state string) bool {
	const enabled = 4
	n, err := strconv.Atoi(state)
	return (status == "0" || status == "1") && (err != nil || n&enabled != 0)
}

// Wait returns when the time is over, when ctx is done, or at once when HAProxy ends: the connection on which nothing
// is said ends with it.
func Wait(ctx context.Context, socket string, d time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	conn, err := dial(ctx, socket)
	if err != nil {
		<-ctx.Done()
		return
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()
	_, _ = conn.Read(make([]byte, 1))
}
