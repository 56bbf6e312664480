// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSweepEndsWhatAnEarlierLabLeftAndNothingElse(t *testing.T) {
	options := standIns(t)
	mine, err := New(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { mine.Close() })
	orphaned, err := New(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { orphaned.Close() })
	for _, c := range []*Cluster{mine, orphaned} {
		if err := c.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "all run", func() bool { return len(inside(mine.Dir)) >= 4 && len(inside(orphaned.Dir)) >= 4 })
	before := len(inside(mine.Dir))
	// The process that claims it is now one that cannot exist any more: the first one, with another start time.
	if err := os.WriteFile(filepath.Join(orphaned.Dir, "owner"), []byte("1 1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := sweep(); err != nil {
		t.Fatal(err)
	}
	if left := inside(orphaned.Dir); len(left) > 0 {
		t.Errorf("left of the abandoned lab: %v", left)
	}
	if _, err := os.Stat(orphaned.Dir); !os.IsNotExist(err) {
		t.Errorf("directory of the abandoned lab: %v", err)
	}
	if got := len(inside(mine.Dir)); got < before {
		t.Errorf("%d processes of a living lab, before %d", got, before)
	}
}

func TestSweepRemovesNamespacesOfDeadProcessesOnly(t *testing.T) {
	if err := Preflight(); err != nil {
		t.Fatal(err)
	}
	dead := &namespaces{prefix: "pgv-999999999-", nodes: 1}
	if err := dead.open(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dead.close() })
	living, _ := greeting(t)
	if err := sweep(); err != nil {
		t.Fatal(err)
	}
	if left := dead.existing(); len(left) > 0 {
		t.Errorf("left: %s", strings.Join(left, " "))
	}
	if len(living.existing()) != 4 {
		t.Errorf("namespaces of the living: %q", living.existing())
	}
}
