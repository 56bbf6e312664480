// SPDX-License-Identifier: Apache-2.0

package deadman

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Names of the launcher's files, relative to the run directory.
const (
	SocketFile = "launcher.sock"
	RecordFile = "launcher.json"
	ExitFile   = "launcher.exit.json"
	LockFile   = "launcher.lock"
)

// Record says which launcher runs which PostgreSQL. PostmasterPID is 0 until the postmaster has been forked.
type Record struct {
	PID                  int    `json:"pid"`
	StartTicks           uint64 `json:"start_ticks"`
	PostmasterPID        int    `json:"postmaster_pid"`
	PostmasterStartTicks uint64 `json:"postmaster_start_ticks"`
	DataDir              string `json:"data_dir"`
	BootID               string `json:"boot_id"`
}

// Launcher returns the identity of the launcher process.
func (r Record) Launcher() Process { return Process{PID: r.PID, StartTicks: r.StartTicks} }

// Postmaster returns the identity of the postmaster; the zero Process if there is none yet.
func (r Record) Postmaster() Process {
	return Process{PID: r.PostmasterPID, StartTicks: r.PostmasterStartTicks}
}

// Exit says how PostgreSQL ended and that nothing of it is left.
type Exit struct {
	PostmasterPID int    `json:"postmaster_pid"`
	ExitCode      int    `json:"exit_code"`        // -1 if a signal ended it
	Signal        int    `json:"signal,omitempty"` // 0 if it exited
	Cause         string `json:"cause"`            // one of the Cause constants
	AtBoottimeNs  int64  `json:"at_boottime_ns"`   // when the last descendant had been reaped
	Empty         bool   `json:"empty"`            // always true: the file is not written before
	BootID        string `json:"boot_id"`
}

// What made PostgreSQL end, as the launcher saw it.
const (
	CausePostmaster = "postmaster" // it ended by itself or was stopped by others
	CauseKill       = "kill"       // the kill command
	CauseDeadline   = "deadline"   // the armed instant came
)

// ReadRecord reads launcher.json of runDir. The error is fs.ErrNotExist if no launcher has left one, or if the one left
// is of an earlier boot.
func ReadRecord(runDir string) (Record, error) {
	var r Record
	if err := readJSON(filepath.Join(runDir, RecordFile), &r); err != nil {
		return Record{}, fmt.Errorf("launcher record: %w", err)
	}
	id, err := BootID()
	if err != nil {
		return Record{}, err
	}
	if r.BootID != id {
		return Record{}, fmt.Errorf("launcher record of an earlier boot: %w", os.ErrNotExist)
	}
	return r, nil
}

// ReadExit reads launcher.exit.json of runDir; fs.ErrNotExist if the last launcher left none (it runs, or was killed), or
// the one left is of an earlier boot.
func ReadExit(runDir string) (Exit, error) {
	var e Exit
	if err := readJSON(filepath.Join(runDir, ExitFile), &e); err != nil {
		return Exit{}, fmt.Errorf("launcher exit record: %w", err)
	}
	id, err := BootID()
	if err != nil {
		return Exit{}, err
	}
	if e.BootID != id {
		return Exit{}, fmt.Errorf("launcher exit record of an earlier boot: %w", os.ErrNotExist)
	}
	return e, nil
}

// BootID returns the kernel's random identifier of this boot.
func BootID() (string, error) {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", fmt.Errorf("boot id: %w", err)
	}
	return strings.TrimSpace(string(b)), nil
}

func readJSON(path string, v any) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}
