// SPDX-License-Identifier: Apache-2.0

package deadman

import (
	"errors"
	"time"
)

// SoftLead is how long before the armed instant a launcher that is alive begins to end PostgreSQL, so that it is normally
// gone at that instant.
const SoftLead = 100 * time.Millisecond

// DefaultGrace is the time between SIGQUIT and SIGKILL of a kill command that names none.
const DefaultGrace = 200 * time.Millisecond

var (
	// ErrNoLauncher means that nothing answers on the launcher's socket because no launcher holds it open.
	ErrNoLauncher = errors.New("no launcher running")
	// ErrRefused means that the launcher answered and did not do what was asked.
	ErrRefused = errors.New("refused by the launcher")
	// ErrNotEmpty means that processes of PostgreSQL are left.
	ErrNotEmpty = errors.New("processes left")
	// ErrUnknown means that it cannot be told whether processes of PostgreSQL are left.
	ErrUnknown = errors.New("process not identifiable")
)

// Status is what the launcher says about itself and PostgreSQL.
type Status struct {
	Record
	ArmedUntilNs int64 `json:"armed_until_ns"` // CLOCK_BOOTTIME; 0 if not armed
	Running      bool  `json:"running"`        // the postmaster has not been seen to end
	Stopping     bool  `json:"stopping"`       // kill, deadline or postmaster exit: on the way to empty, cannot be armed
	Children     int   `json:"children"`       // descendants of the launcher, the postmaster included
	UptimeNs     int64 `json:"uptime_ns"`      // since the postmaster was forked
}

// Reply is one answer on the socket.
type Reply struct {
	OK    bool   `json:"ok"`
	Error string `json:"error,omitempty"`
	*Status
	Exit *Exit `json:"exit,omitempty"`
}
