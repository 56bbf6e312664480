// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e_test

import (
	"context"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"
)

// shell runs programs on a host that has a systemd of its own.
type shell struct {
	*testing.T
	ctx context.Context
	on  interface {
		Exec(ctx context.Context, name string, args ...string) (string, error)
	}
}

// do runs a program that must succeed; try one that may fail.
func (h *shell) do(name string, args ...string) string {
	h.Helper()
	out, err := h.on.Exec(h.ctx, name, args...)
	if err != nil {
		h.Fatal(err)
	}
	return out
}

func (h *shell) try(name string, args ...string) string {
	out, _ := h.on.Exec(h.ctx, name, args...)
	return out
}

// psql runs statements as PostgreSQL's superuser.
func (h *shell) psql(text string) {
	h.Helper()
	statements := []string{"-u", "postgres", "--", "psql", "-h", "/tmp"}
	for _, statement := range strings.Split(text, "; ") {
		statements = append(statements, "-c", statement)
	}
	h.do("runuser", statements...)
}

func (h *shell) property(name string) string {
	h.Helper()
	return h.do("systemctl", "show", "--value", "--property", name, "pgvigil")
}

func (h *shell) status() string { return h.property("StatusText") }

// signal sends the supervisor a signal, and returns its process id.
func (h *shell) signal(s syscall.Signal) string {
	h.Helper()
	pid := h.property("MainPID")
	h.do("kill", fmt.Sprintf("-%d", s), pid)
	return pid
}

// eventually waits for a condition.
func (h *shell) eventually(what string, patience time.Duration, holds func() bool) {
	h.Helper()
	for end := time.Now().Add(patience); !holds(); {
		if time.Now().After(end) {
			h.Fatalf("%s: not within %s; status %q", what, patience, h.status())
		}
		select {
		case <-h.ctx.Done():
			h.Fatal(h.ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}
