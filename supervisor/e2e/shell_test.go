// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e_test

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pgvigil/pgvigil/supervisor/internal/lab"
	"github.com/pgvigil/pgvigil/supervisor/internal/lab/container"
)

// shell runs programs on a host that has a systemd of its own.
type shell struct {
	*testing.T
	ctx context.Context
	on  interface {
		Exec(ctx context.Context, name string, args ...string) (string, error)
	}
}

// prepared has the file system of such a host, a directory for what is made of it, and the context of a test that may take that long.
func prepared(t *testing.T, limit time.Duration) (ctx context.Context, root, dir string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	t.Cleanup(cancel)
	root, err := container.Root()
	if err == nil {
		dir, err = lab.NewDir()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return ctx, root, dir
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

// get asks the supervisor's interface.
func (h *shell) get(path string) string {
	return h.try("bash", "-c", `exec 3<>/dev/tcp/127.0.0.1/8008 && printf 'GET `+path+` HTTP/1.0\r\n\r\n' >&3 && cat <&3`)
}

// strike sends a leading supervisor a signal soon after a renewal, and returns the uptime at which its leadership ends.
func (h *shell) strike(s syscall.Signal, ttl time.Duration) time.Duration {
	h.Helper()
	const script = `
for (( ; ; )); do
    read -r now _ </proc/uptime
    exec 3<>/dev/tcp/127.0.0.1/8008
    printf 'GET /metrics HTTP/1.0\r\n\r\n' >&3
    left=$(sed -n 's/^pgvigil_leadership_remaining_seconds{.*} //p' <&3)
    if [[ ${left%.*} -ge $3 ]]; then kill "-$2" "$1"; break; fi
done
echo "$now $left"
`
	fresh := strconv.Itoa(int((ttl - ttl/8) / time.Second))
	out := h.do("bash", "-c", script, "strike", h.property("MainPID"), strconv.Itoa(int(s)), fresh)
	var uptime, left float64
	if _, err := fmt.Sscan(out, &uptime, &left); err != nil {
		h.Fatalf("%q: %v", out, err)
	}
	return time.Duration((uptime + left) * float64(time.Second))
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
		case <-time.After(50 * time.Millisecond): // the condition is a program, as a rule
		}
	}
}
