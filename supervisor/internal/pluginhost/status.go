// SPDX-License-Identifier: Apache-2.0

package pluginhost

import "time"

// Status is the state of one plugin, for snapshots.
type Status struct {
	Kind    Kind
	Name    string
	Version string // empty before the first start
	PID     int    // 0 while down
	// Up tells that the process runs and answers, Configured that it was given its body, Healthy what it says of
	// itself.
	Up         bool
	Configured bool
	Healthy    bool
	// Since is when Up last changed.
	Since    time.Time
	Restarts int
	// Message is why it is down or unhealthy, or what a healthy plugin is connected to.
	Message string
}
