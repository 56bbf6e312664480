// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/pgvigil/pgvigil/supervisor/internal/lab"
	"github.com/pgvigil/pgvigil/supervisor/internal/lab/bare"
)

// TestMain fails, and does not skip, where the tests cannot run.
func TestMain(m *testing.M) {
	if err := ready(); err != nil {
		fmt.Fprintln(os.Stderr, "FAIL: the end-to-end tests cannot run here:", err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func ready() error {
	if err := lab.Preflight(); err != nil {
		return err
	}
	for _, name := range []string{"pgvigild", "pgvigil", "pgvigil-launcher", "plugins/pgvigil-plugin-etcd", "plugins/pgvigil-plugin-postgres"} {
		if _, err := os.Stat(filepath.Join(binaries(), name)); err != nil {
			return fmt.Errorf("%w (make build)", err)
		}
	}
	_, err := bare.BinDirs()
	return err
}

// binaries is where pgvigil's programs are.
func binaries() string {
	if dir := os.Getenv("PGVIGIL_BIN"); dir != "" {
		return dir
	}
	return filepath.Join("..", "..", "build")
}

// everyVersion runs a test with each PostgreSQL version that was asked for.
func everyVersion(t *testing.T, test func(t *testing.T, pgBin string)) {
	bins, err := bare.BinDirs()
	if err != nil {
		t.Fatal(err)
	}
	for _, bin := range bins {
		t.Run(filepath.Base(filepath.Dir(bin)), func(t *testing.T) { test(t, bin) })
	}
}

// newest is the newest PostgreSQL version that was asked for.
func newest(t *testing.T) string {
	t.Helper()
	bins, err := bare.BinDirs()
	if err != nil {
		t.Fatal(err)
	}
	return bins[len(bins)-1]
}
