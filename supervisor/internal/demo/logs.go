// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/pgvigil/pgvigil/supervisor/internal/lab"
)

// tailLines is how much of each log is told.
const tailLines = 12

// saveLogs tells the ends of the nodes' logs and puts the whole logs where they outlive the cluster.
func (p *place) saveLogs(t *teller, nodes []*lab.Node) error {
	if len(nodes) == 0 {
		return nil
	}
	for _, n := range nodes {
		for _, path := range []string{n.SupervisorLog(), n.EtcdLog(), n.PostgresLog()} {
			t.quote(tail(path, n.Name))
		}
	}
	dir := p.dir
	if !p.keep {
		var err error
		if dir, err = os.MkdirTemp("/tmp", "pgvigil-demo-logs-"); err != nil {
			return err
		}
		if err := copyLogs(dir, nodes); err != nil {
			return fmt.Errorf("save the logs: %w", err)
		}
	}
	t.say("the logs are in %s", dir)
	return nil
}

func copyLogs(dir string, nodes []*lab.Node) error {
	var errs []error
	for _, n := range nodes {
		target := filepath.Join(dir, n.Name)
		errs = append(errs, os.CopyFS(target, os.DirFS(filepath.Dir(n.SupervisorLog()))))
	}
	return errors.Join(errs...)
}

// tail is the end of a log under a heading.
func tail(path, name string) string {
	heading := fmt.Sprintf("--- %s: end of %s ---\n", name, filepath.Base(path))
	text, err := os.ReadFile(path)
	if err != nil {
		return heading + err.Error()
	}
	lines := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
	return heading + strings.Join(lines[max(0, len(lines)-tailLines):], "\n")
}
