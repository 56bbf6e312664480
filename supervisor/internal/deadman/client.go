// SPDX-License-Identifier: Apache-2.0

package deadman

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Client talks to the launcher of one run directory. What may be said twice goes over a connection that is kept, and over a
// new one when that does not lead to a launcher in office any more, so a Client outlives any number of launchers. It may
// be used by several goroutines. Give every call a context with a deadline: a stopped launcher does not answer.
//
// An error of Arm, Disarm or Kill that is neither ErrRefused nor ErrNoLauncher means that the outcome is unknown.
type Client struct {
	// RunDir holds the launcher's files.
	RunDir string
	// DataDir is PostgreSQL's data directory, needed by Fence when no launcher has been heard of and none has left a
	// record. May be empty.
	DataDir string

	mu   sync.Mutex
	last Record // of the last launcher heard of, for Fence
	// kept is a connection over which a launcher answered and nothing is under way; nil when there is none.
	kept net.Conn
}

// Arm sets or moves the instant, in CLOCK_BOOTTIME nanoseconds, at which PostgreSQL dies. See the package comment for how
// long before and after that means. Arm refuses once PostgreSQL is being ended.
func (c *Client) Arm(ctx context.Context, atNs int64) error {
	_, err := c.repeatable(ctx, fmt.Sprintf("arm %d %d", atNs, BootNow()))
	return err
}

// Disarm takes the deadline away.
func (c *Client) Disarm(ctx context.Context) error {
	_, err := c.repeatable(ctx, fmt.Sprintf("disarm %d", BootNow()))
	return err
}

// Status asks the launcher how things are.
func (c *Client) Status(ctx context.Context) (Status, error) {
	r, err := c.repeatable(ctx, "status")
	if err != nil {
		return Status{}, err
	}
	if r.Status == nil {
		return Status{}, errors.New("launcher reply without status")
	}
	c.remember(r.Status.Record)
	return *r.Status, nil
}

// Kill ends PostgreSQL: SIGQUIT, after DefaultGrace SIGKILL, and returns when the launcher has reaped every descendant.
func (c *Client) Kill(ctx context.Context) error {
	_, err := c.call(ctx, "kill")
	return err
}

// Wait returns how PostgreSQL ended, once nothing of it is left.
func (c *Client) Wait(ctx context.Context) (Exit, error) {
	r, err := c.call(ctx, "wait")
	if err != nil {
		return Exit{}, err
	}
	if r.Exit == nil {
		return Exit{}, errors.New("launcher reply without exit")
	}
	return *r.Exit, nil
}

func (c *Client) remember(r Record) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last = r
}

func (c *Client) remembered() Record {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.last
}

// repeatable is a call that may be made twice: what the kept connection leads to may be a launcher that is at its end, or has
// been followed by another.
func (c *Client) repeatable(ctx context.Context, line string) (Reply, error) {
	if conn := c.take(); conn != nil {
		if r, err := c.over(ctx, conn, line); err == nil {
			return r, nil
		}
	}
	return c.call(ctx, line)
}

// call dials anew.
func (c *Client) call(ctx context.Context, line string) (Reply, error) {
	conn, err := c.dial(ctx)
	if err != nil {
		return Reply{}, err
	}
	return c.over(ctx, conn, line)
}

// over is one command and its reply. The connection is kept if the launcher did as it was told, and closed if not.
func (c *Client) over(ctx context.Context, conn net.Conn, line string) (Reply, error) {
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	r, err := exchange(conn, line)
	if intact := stop(); intact && err == nil && r.OK {
		c.keep(conn)
	} else {
		conn.Close()
	}
	if err != nil && ctx.Err() != nil {
		err = ctx.Err()
	}
	if err != nil {
		return Reply{}, fmt.Errorf("launcher command %q: %w", line, err)
	}
	if !r.OK {
		return Reply{}, fmt.Errorf("launcher command %q: %w: %s", line, ErrRefused, r.Error)
	}
	return r, nil
}

// take hands out the kept connection; nil when there is none.
func (c *Client) take() net.Conn {
	c.mu.Lock()
	defer c.mu.Unlock()
	conn := c.kept
	c.kept = nil
	return conn
}

// keep keeps a connection instead of the one that was kept.
func (c *Client) keep(conn net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.kept != nil {
		c.kept.Close()
	}
	c.kept = conn
}

func (c *Client) dial(ctx context.Context) (net.Conn, error) {
	var d net.Dialer
	path := filepath.Join(c.RunDir, SocketFile)
	conn, err := d.DialContext(ctx, "unix", path)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ECONNREFUSED) {
		return nil, fmt.Errorf("launcher socket %s: %w", path, ErrNoLauncher)
	}
	if err != nil {
		return nil, fmt.Errorf("launcher socket: %w", err)
	}
	return conn, nil
}

func exchange(conn net.Conn, line string) (Reply, error) {
	if _, err := conn.Write([]byte(line + "\n")); err != nil {
		return Reply{}, err
	}
	b, err := bufio.NewReader(conn).ReadBytes('\n')
	if err != nil {
		return Reply{}, err
	}
	var r Reply
	if err := json.Unmarshal(b, &r); err != nil {
		return Reply{}, fmt.Errorf("reply: %w", err)
	}
	return r, nil
}
