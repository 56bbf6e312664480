// SPDX-License-Identifier: Apache-2.0

package console

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"
)

// Gone tells whether nothing listens at the console's address, so that no client gets through there either.
func Gone(err error) bool {
	var dial *net.OpError
	return errors.As(err, &dial) && (errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, fs.ErrNotExist))
}

// Idle tells whether PgBouncer answered that what was to be resumed is not paused.
func Idle(err error) bool { return answered(err, "not paused") || answered(err, "no such database") }

// Held tells whether PgBouncer answered that somebody has paused it already.
func Held(err error) bool { return answered(err, "already suspended/paused") }

// Answered tells whether an error is PgBouncer's own word; otherwise nobody answered.
func Answered(err error) bool { return answered(err, "") }

func answered(err error, text string) bool {
	var answer *pgconn.PgError
	return errors.As(err, &answer) && strings.Contains(answer.Message, text)
}

// failure is an error as the operator sees it.
type failure struct {
	console, text string
	err           error
}

func (f *failure) Error() string { return fmt.Sprintf("console %q: %s", f.console, f.text) }

func (f *failure) Unwrap() error { return f.err }

// explain says which console failed, and what to change.
func (c *Console) explain(err error) error {
	if err == nil {
		return nil
	}
	return &failure{console: c.Name, text: c.text(err), err: err}
}

func (c *Console) text(err error) string {
	var answer *pgconn.PgError
	user := c.config.User
	switch {
	case answered(err, "admin access needed"):
		return fmt.Sprintf("user %q may only look: PgBouncer needs it in admin_users, not only in stats_users, and then a RELOAD", user)
	case answered(err, "not allowed"):
		return fmt.Sprintf("user %q may not use the console: PgBouncer needs it in admin_users, and then a RELOAD", user)
	case answered(err, "authentication failed"), answered(err, "no such user"):
		return fmt.Sprintf("user %q is not let in: user and password_file must agree with PgBouncer's auth_file", user)
	case errors.As(err, &answer):
		return answer.Message
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return "no answer in time"
	case Gone(err):
		return "nothing listens there: PgBouncer must run, with this unix_socket_dir or listen_addr, and this listen_port"
	case errors.Is(err, fs.ErrPermission):
		return fmt.Sprintf("%v: the user that pgvigild runs as must have access", err)
	}
	return strings.Join(strings.Fields(err.Error()), " ") // pgconn uses several lines
}
