// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e_test

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/pgvigil/pgvigil/supervisor/internal/lab"
)

// TestDiskFull fills the primary's disk: another node takes over, the full one says what is wrong and does not start
// PostgreSQL over and over, and it comes back by itself once there is space.
func TestDiskFull(t *testing.T) {
	everyVersion(t, func(t *testing.T, pgBin string) {
		c := start(t, lab.Options{PGBin: pgBin, Parameters: map[string]string{"wal_keep_size": "32MB", "max_wal_size": "64MB"}}, func(c *lab.Cluster) {
			for _, n := range c.Nodes {
				if err := n.LimitDisk(400 << 20); err != nil {
					t.Fatal(err)
				}
			}
		})
		s := begin(t, c)
		full := s.primary
		s.do(full.FillDisk())
		s.burn(full)
		s.moved()
		s.eventually("the full node says that there is no space", func() bool { return noSpace(s, full) })
		before := starts(s, full)
		s.pass(10 * time.Second)
		if more := starts(s, full) - before; more > 5 {
			t.Errorf("PostgreSQL was started %d times in 10 s on a full disk", more)
		}
		s.do(full.FreeDisk())
		s.end()
	})
}

// burn writes WAL on the node until that fails, so that the full disk is noticed.
func (s *story) burn(n *lab.Node) {
	ctx, cancel := context.WithTimeout(s.Context(), 30*time.Second)
	defer cancel()
	conn, err := n.ConnectSuperuser(ctx)
	s.do(err)
	defer conn.Close(ctx)
	for err == nil {
		_, err = conn.Exec(ctx, "select pg_logical_emit_message(false, 'lab', repeat('x', 1048576))")
	}
	if ctx.Err() != nil {
		s.Fatal("the disk did not get full")
	}
}

func noSpace(s *story, n *lab.Node) bool {
	ctx, cancel := context.WithTimeout(s.Context(), time.Second)
	defer cancel()
	status, err := n.Status(ctx)
	return err == nil && strings.Contains(strings.ToLower(status.Message), "space")
}

// starts counts the starts of PostgreSQL in its log.
func starts(s *story, n *lab.Node) int {
	text, err := os.ReadFile(n.PostgresLog())
	s.do(err)
	return strings.Count(string(text), "starting PostgreSQL")
}
