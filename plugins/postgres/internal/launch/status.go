// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"

	"github.com/pgvigil/pgvigil/plugins/postgres/internal/proc"
)

// Status is the launcher's file about itself.
type Status struct {
	// PID and StartTicks name the launcher.
	PID        int    `json:"pid"`
	StartTicks uint64 `json:"start_ticks"`
	// PostmasterPID and PostmasterStartTicks name the server under it.
	PostmasterPID        int    `json:"postmaster_pid"`
	PostmasterStartTicks uint64 `json:"postmaster_start_ticks"`
	// DataDir it works for.
	DataDir string `json:"data_dir"`
	// BootID of the boot it was started in.
	BootID string `json:"boot_id"`
}

const statusFile = "launcher.json"

// ReadStatus reads the file in the daemon's run directory; ok is false when there is none or when the
// launcher it speaks of is gone.
func ReadStatus(runDir string) (Status, bool) {
	raw, err := os.ReadFile(filepath.Join(runDir, statusFile))
	if err != nil {
		return Status{}, false
	}
	var s Status
	if json.Unmarshal(raw, &s) != nil || s.PID <= 0 {
		return Status{}, false
	}
	if s.BootID != "" && s.BootID != bootID() {
		return Status{}, false
	}
	return s, proc.Same(s.PID, s.StartTicks)
}

func bootID() string {
	raw, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(raw))
}

// Holds tells whether this launcher is the parent of the server with that PID and start.
func (s Status) Holds(pid int, ticks uint64) bool {
	return s.PostmasterPID == pid && s.PostmasterStartTicks == ticks
}
