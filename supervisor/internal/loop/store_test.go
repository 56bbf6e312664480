// SPDX-License-Identifier: Apache-2.0

package loop

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
)

// dirs of a store.
type dirs struct{ run, state string }

func newDirs(t *testing.T) dirs { return dirs{t.TempDir(), t.TempDir()} }

func (d dirs) open(t *testing.T, boot string) *Store {
	t.Helper()
	s, err := OpenStore(d.run, d.state, boot)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

var durable = core.Durable{
	Hold:     core.Hold{Epoch: 4, EpochRev: 5, LeaderRev: 6, RenewedAt: 7, Deadline: 8, Record: core.Leader{Holder: "a", Epoch: 4, TTL: core.Second}},
	Promoted: 4, WalEpoch: 4, SystemID: 18446744073709551615,
}

// Ensure everything comes back to a new process of the same boot.
func TestStoreReturns(t *testing.T) {
	d := newDirs(t)
	s := d.open(t, "boot-1")
	if cmp.Diff(core.Durable{}, s.Durable) != "" || s.Instance == "" || s.Token == "" {
		t.Errorf("a new store has %+v, instance %q, token %q", s.Durable, s.Instance, s.Token)
	}
	if err := s.Save(durable); err != nil {
		t.Fatal(err)
	}
	s.Close()
	again := d.open(t, "boot-1")
	if diff := cmp.Diff(durable, again.Durable); diff != "" {
		t.Error(diff)
	}
	if again.Instance != s.Instance || again.Token != s.Token {
		t.Error("another instance or token")
	}
}

// Ensure a leadership dies with its boot, and what is known of the WAL does not.
func TestOtherBoot(t *testing.T) {
	d := newDirs(t)
	s := d.open(t, "boot-1")
	if err := s.Save(durable); err != nil {
		t.Fatal(err)
	}
	s.Close()
	again := d.open(t, "boot-2")
	if diff := cmp.Diff(core.Durable{WalEpoch: 4, SystemID: durable.SystemID}, again.Durable); diff != "" {
		t.Error(diff)
	}
	if again.Instance != s.Instance || again.Token == s.Token {
		t.Errorf("instance %q was %q, token %q was %q", again.Instance, s.Instance, again.Token, s.Token)
	}
}

// Ensure one state directory serves one supervisor.
func TestStoreLock(t *testing.T) {
	d := newDirs(t)
	s := d.open(t, "boot-1")
	if _, err := OpenStore(t.TempDir(), d.state, "boot-1"); !errors.Is(err, ErrLocked) {
		t.Errorf("error %v", err)
	}
	s.Close()
	d.open(t, "boot-1")
}

// Ensure a leadership that cannot be read is none, and knowledge of the WAL that cannot be read is an error that
// says what to do.
func TestTornFiles(t *testing.T) {
	for _, content := range []string{"", "{", `{"boot_id":"boot-1","token":"x","hold":{"epoch":"four"}}`} {
		d := newDirs(t)
		s := d.open(t, "boot-1")
		if err := s.Save(durable); err != nil {
			t.Fatal(err)
		}
		s.Close()
		write(t, filepath.Join(d.run, "holder.json"), content)
		again := d.open(t, "boot-1")
		if again.Durable.Hold.Epoch != 0 || again.Token == s.Token || again.Token == "x" || again.Durable.WalEpoch != 4 {
			t.Errorf("after %q: %+v, token %q", content, again.Durable, again.Token)
		}
	}
	d := newDirs(t)
	d.open(t, "boot-1").Close()
	path := filepath.Join(d.state, "member.json")
	write(t, path, `{"instance":`)
	if _, err := OpenStore(d.run, d.state, "boot-1"); err == nil || !strings.Contains(err.Error(), path+" is damaged") {
		t.Errorf("error %v", err)
	}
	os.Remove(path)
	d.open(t, "boot-1") // the failure held no lock
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// inode tells one file from another that replaced it.
func inode(t *testing.T, path string) uint64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("%s has mode %v", path, info.Mode())
	}
	return info.Sys().(*syscall.Stat_t).Ino
}

// Ensure only what changed is written: a renewal must not sync the disk.
func TestSaveOnlyChanges(t *testing.T) {
	d := newDirs(t)
	s := d.open(t, "boot-1")
	run, state := filepath.Join(d.run, "holder.json"), filepath.Join(d.state, "member.json")
	before := [2]uint64{inode(t, run), inode(t, state)}
	save := func(x core.Durable) (runWritten, stateWritten bool) {
		t.Helper()
		if err := s.Save(x); err != nil {
			t.Fatal(err)
		}
		now := [2]uint64{inode(t, run), inode(t, state)}
		defer func() { before = now }()
		return now[0] != before[0], now[1] != before[1]
	}
	if r, st := save(durable); !r || !st {
		t.Errorf("first leadership: run %t, state %t", r, st)
	}
	if r, st := save(durable); r || st {
		t.Errorf("nothing new: run %t, state %t", r, st)
	}
	renewed := durable
	renewed.Hold.Deadline++
	if r, st := save(renewed); !r || st {
		t.Errorf("renewal: run %t, state %t", r, st)
	}
}

// Ensure a file is written when the disk has room again, though nothing changed since the failure.
func TestSaveAgainAfterFailure(t *testing.T) {
	d := newDirs(t)
	s := d.open(t, "boot-1")
	obstacle := filepath.Join(d.state, "member.json.new")
	if err := os.Mkdir(obstacle, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := s.Save(durable); err == nil {
		t.Fatal("no error")
	}
	os.Remove(obstacle)
	if err := s.Save(durable); err != nil {
		t.Fatal(err)
	}
	s.Close()
	if got := d.open(t, "boot-1").Durable.WalEpoch; got != 4 {
		t.Errorf("epoch of the WAL %d", got)
	}
}

// Ensure PostgreSQL is not promoted before the intent is stored, and is as soon as it can be.
func TestNoPromotionUnstored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t, "a", newRegister())
		obstacle := filepath.Join(n.run, "holder.json.new")
		if err := os.Mkdir(obstacle, 0o700); err != nil {
			t.Fatal(err)
		}
		n.start()
		pass(10 * time.Second)
		if got := core.Plan(look(&n.pg.mu, &n.pg.done)).Kinds(); cmp.Diff(got, []core.ActionKind{core.ActBootstrap, core.ActStart}) != "" {
			t.Errorf("done %v", got)
		}
		if n.journal.count("state not stored") == 0 {
			t.Error("not logged")
		}
		os.Remove(obstacle)
		n.primary()
	})
}
