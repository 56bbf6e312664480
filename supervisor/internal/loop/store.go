// SPDX-License-Identifier: Apache-2.0

package loop

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
)

// Store keeps what must outlive the process: the leadership in the run directory, where it dies with the boot it
// belongs to, and what is known of the WAL in the state directory.
type Store struct {
	Durable core.Durable
	// Instance names the state directory, Token this boot's life of it.
	Instance, Token string

	runFile, stateFile   string
	boot                 string
	savedRun, savedState []byte
	lock                 *os.File
}

// runRecord is holder.json in the run directory.
type runRecord struct {
	Boot  string `json:"boot_id"`
	Token string `json:"token"`
	core.OfBoot
}

// stateRecord is member.json in the state directory.
type stateRecord struct {
	Instance string `json:"instance"`
	core.OfDisk
}

// ErrLocked says that another supervisor uses the state directory.
var ErrLocked = errors.New("state directory in use by another supervisor")

// OpenStore locks the state directory and reads what a former process left. Both directories must exist. bootID is
// the kernel's: records of another boot are void.
func OpenStore(runDir, stateDir, bootID string) (*Store, error) {
	s := &Store{
		runFile: filepath.Join(runDir, "holder.json"), stateFile: filepath.Join(stateDir, "member.json"), boot: bootID,
	}
	if err := s.takeLock(filepath.Join(stateDir, "lock")); err != nil {
		return nil, err
	}
	if err := s.load(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Store) takeLock(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("lock: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		return fmt.Errorf("%w: %s", ErrLocked, filepath.Dir(path))
	}
	s.lock = f
	return nil
}

func (s *Store) load() error {
	var run runRecord
	var state stateRecord
	if err := readJSON(s.stateFile, &state); err != nil {
		return err
	}
	// A leadership that cannot be read is none: it runs out like one of another boot.
	var torn *tornError
	if err := readJSON(s.runFile, &run); errors.As(err, &torn) {
		run = runRecord{}
	} else if err != nil {
		return err
	}
	if run.Boot == s.boot && run.Token != "" {
		s.Token = run.Token
		s.Durable.OfBoot = run.OfBoot
	} else {
		s.Token = randomName()
	}
	s.Instance = state.Instance
	if s.Instance == "" {
		s.Instance = randomName()
	}
	s.Durable.OfDisk = state.OfDisk
	return s.Save(s.Durable)
}

// Save stores what changed; it returns once that is safe.
func (s *Store) Save(d core.Durable) error {
	run, err := json.Marshal(runRecord{s.boot, s.Token, d.OfBoot})
	if err != nil {
		return fmt.Errorf("leadership: %w", err)
	}
	state, err := json.Marshal(stateRecord{s.Instance, d.OfDisk})
	if err != nil {
		return fmt.Errorf("member state: %w", err)
	}
	return errors.Join(
		replace(s.runFile, run, &s.savedRun, false),
		replace(s.stateFile, state, &s.savedState, true),
	)
}

// Close gives the lock back.
func (s *Store) Close() error { return s.lock.Close() }

// readJSON reads a file; an absent one leaves v as it is.
func readJSON(path string, v any) error {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, v); err != nil {
		return &tornError{path, err}
	}
	return nil
}

// tornError is a file whose content cannot be understood.
type tornError struct {
	path  string
	cause error
}

// Error names the file and what helps.
func (e *tornError) Error() string {
	return fmt.Sprintf("%s is damaged (%v): remove it, and this member starts as one that nobody knows", e.path, e.cause)
}

// Unwrap is what the decoder said.
func (e *tornError) Unwrap() error { return e.cause }

// replace writes a file if its content changed, so that it is old or new, never half. With sync it is also on disk.
func replace(path string, data []byte, saved *[]byte, sync bool) error {
	if bytes.Equal(data, *saved) {
		return nil
	}
	tmp := path + ".new"
	if err := writeFile(tmp, data, sync); err != nil {
		return err
	}
	if err := os.Rename(tmp, path); err != nil {
		return err
	}
	if sync {
		if err := syncDir(filepath.Dir(path)); err != nil {
			return err
		}
	}
	*saved = data
	return nil
}

func writeFile(path string, data []byte, sync bool) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil && sync {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func randomName() string {
	var b [8]byte
	rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}
