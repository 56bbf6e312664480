// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"log/slog"
	"path/filepath"
	"time"

	"github.com/pgvigil/pgvigil/supervisor/internal/config"
	"github.com/pgvigil/pgvigil/supervisor/internal/core"
	"github.com/pgvigil/pgvigil/supervisor/internal/watchdog"
)

// newWatchdog makes the driver of the host's watchdog. It has not looked at the device yet.
func newWatchdog(c config.Watchdog, runDir string, renewEvery core.Span, log *slog.Logger) *watchdog.Watchdog {
	return watchdog.New(watchdog.Config{
		Mode: watchdog.Mode(c.Mode), Device: c.Device, Timeout: c.Timeout, RenewEvery: time.Duration(renewEvery),
		Record: filepath.Join(runDir, "watchdog"), Now: bootNow, Log: log,
	})
}
