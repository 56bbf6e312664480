// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Pgbench loads the node's PostgreSQL as hard as that many clients can for a time, from where the clients are, and returns
// what pgbench reports. It makes pgbench's tables first.
func (c *Cluster) Pgbench(ctx context.Context, n *Node, clients int, during time.Duration) (string, error) {
	if report, err := c.pgbench(ctx, n, "-i", "-s", "2", "-q"); err != nil {
		return report, err
	}
	return c.pgbench(ctx, n, "-n", "-c", strconv.Itoa(clients), "-j", "2", "-T", strconv.Itoa(int(during.Seconds())))
}

func (c *Cluster) pgbench(ctx context.Context, n *Node, args ...string) (report string, err error) {
	command := exec.CommandContext(ctx, filepath.Join(c.pgBin, "pgbench"), append(args,
		"-h", n.Address, "-p", strconv.Itoa(n.ports.postgres), "-U", "postgres", "postgres")...)
	command.Dir, command.Env = c.Dir, append(n.environment(), "PGPASSWORD="+c.password)
	command.SysProcAttr = &syscall.SysProcAttr{Credential: c.id.Credential}
	var output strings.Builder
	command.Stdout, command.Stderr = &output, &output
	if err := c.AsClient(command.Start); err != nil {
		return "", err
	}
	if err := command.Wait(); err != nil {
		return output.String(), fmt.Errorf("pgbench: %w: %s", err, strings.TrimSpace(output.String()))
	}
	return output.String(), nil
}
