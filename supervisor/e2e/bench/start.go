// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/pgvigil/pgvigil/supervisor/internal/lab"
)

// start measures how long a new supervisor needs until it tells systemd that it is ready, with PostgreSQL and plugins as
// they are: on the primary, whose leadership it resumes.
func start(ctx context.Context, s settings, c *lab.Cluster) error {
	primary, err := c.WaitPrimary(ctx)
	if err != nil {
		return err
	}
	manager, err := listen(primary)
	if err != nil {
		return err
	}
	defer manager.Close()
	var took []time.Duration
	for range s.repeats("quorum") {
		ready, err := again(primary, manager)
		if err != nil {
			return err
		}
		took = append(took, ready)
		if err := c.WaitHealthy(ctx); err != nil {
			return err
		}
	}
	slices.Sort(took)
	all := sum{gaps: took}
	s.head("what", "n", "median, ms", "worst, ms")
	s.row("supervisor started until READY=1", len(took), all.median().Milliseconds(), all.worst().Milliseconds())
	fmt.Fprintln(s.out)
	return nil
}

// listen is systemd's end of the notification socket.
func listen(n *lab.Node) (*net.UnixConn, error) {
	path := filepath.Join(n.Dir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		return nil, err
	}
	n.Env = append(n.Env, "NOTIFY_SOCKET="+path)
	return conn, os.Chmod(path, 0o666)
}

func again(n *lab.Node, manager *net.UnixConn) (time.Duration, error) {
	if err := n.KillSupervisor(); err != nil {
		return 0, err
	}
	began := time.Now()
	err := errors.Join(n.StartSupervisor(), manager.SetReadDeadline(began.Add(30*time.Second)))
	message := make([]byte, 4096)
	for err == nil {
		var size int
		if size, err = manager.Read(message); bytes.HasPrefix(message[:size], []byte("READY=1")) {
			return time.Since(began), nil
		}
	}
	return 0, err
}
