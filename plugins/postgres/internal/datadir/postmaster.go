// SPDX-License-Identifier: Apache-2.0

package datadir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/pgvigil/pgvigil/plugins/postgres/internal/proc"
	"github.com/pgvigil/pgvigil/plugins/postgres/internal/session"
)

// Postmaster is a running server, proven to work in the data directory.
type Postmaster struct {
	// PID of the process.
	PID int
	// StartTicks is its start, in clock ticks since boot.
	StartTicks uint64
	// StartUnix is its start by its own word, Unix seconds.
	StartUnix int64
	// Address is where it listens for connections from this host.
	Address session.Address
	// Status as in postmaster.pid: starting, stopping, ready or standby.
	Status string
}

const pidFile = "postmaster.pid"

// FindPostmaster reads postmaster.pid and proves that the process is the one that wrote it. ok is false
// when there is no file or when nobody lives behind it.
func FindPostmaster(dir string) (p Postmaster, ok bool, err error) {
	raw, err := os.ReadFile(filepath.Join(dir, pidFile))
	if errors.Is(err, fs.ErrNotExist) {
		return p, false, nil
	}
	if err != nil {
		return p, false, fmt.Errorf("postmaster.pid: %w", err)
	}
	p = parsePID(string(raw))
	if p.PID <= 0 {
		return p, false, nil
	}
	s, err := proc.Read(p.PID)
	if err != nil {
		return p, false, nil
	}
	p.StartTicks = s.StartTicks
	ok, err = proc.Occupies(p.PID, dir)
	return p, ok, err
}

// parsePID reads what postmaster.pid holds so far; a file in the making gives a PID of 0.
func parsePID(text string) Postmaster {
	l := strings.Split(text, "\n")
	var p Postmaster
	if len(l) > 3 {
		p.PID, _ = strconv.Atoi(strings.TrimSpace(l[0]))
		p.StartUnix, _ = strconv.ParseInt(strings.TrimSpace(l[2]), 10, 64)
	}
	if len(l) > 4 {
		port, _ := strconv.ParseUint(strings.TrimSpace(l[3]), 10, 16)
		p.Address = session.Address{SocketDir: strings.TrimSpace(l[4]), Port: uint16(port)}
	}
	if len(l) > 7 {
		p.Status = strings.TrimSpace(l[7])
	}
	return p
}

// RemoveStalePID removes a postmaster.pid that no process stands behind. It must only be called when
// proc.Occupants proved the directory empty.
func RemoveStalePID(dir string) error {
	err := os.Remove(filepath.Join(dir, pidFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
