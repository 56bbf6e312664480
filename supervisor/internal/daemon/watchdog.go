// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"github.com/pgvigil/pgvigil/supervisor/internal/config"
	"github.com/pgvigil/pgvigil/supervisor/internal/core"
	"github.com/pgvigil/pgvigil/supervisor/internal/status"
)

// noWatchdog is mode off, and, until a device is driven, "not usable" for the other modes: automatic goes
// without, required may not lead.
type noWatchdog struct{ mode string }

func newWatchdog(c config.Watchdog) noWatchdog { return noWatchdog{c.Mode} }

// Ready implements loop.Watchdog.
func (w noWatchdog) Ready() bool { return w.mode != config.WatchdogRequired }

// Hold implements loop.Watchdog.
func (noWatchdog) Hold(core.Instant) {}

// Status implements loop.Watchdog.
func (w noWatchdog) Status() status.Watchdog { return status.Watchdog{Mode: w.mode} }
