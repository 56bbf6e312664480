// SPDX-License-Identifier: Apache-2.0

package vm

import "time"

// What this machine and the guest must agree on.
const (
	// PortName is the serial port over which the guest takes orders.
	PortName = "pgvigil.orders"
	// RootTag and ShareTag name the file systems that the guest is offered.
	RootTag  = "root"
	ShareTag = "share"
	// PlanFile is where in its initial file system the guest finds its Plan.
	PlanFile = "/plan.json"
	// SystemShare is where a System finds Config.Share.
	SystemShare = "/mnt"
)

// Plan tells the guest's first process what to make of the machine.
type Plan struct {
	Name, Address string
	// Modules are the paths of kernel modules in the order in which they can be loaded, Later those for Machine.Load.
	Modules, Later []string
	// Systemd says that the root file system has one, which is to be the first process.
	Systemd  bool
	Share    string
	Private  []string
	Warm     []string
	UID, GID int
}

// Program is a process to start in the guest, with its output appended to Log.
type Program struct {
	Path     string
	Args     []string
	Env      []string
	Dir, Log string
	UID, GID int
}

// Signal is for one process, or, if Program is not empty, for all that run the program of that base name.
type Signal struct {
	PID     int
	Program string
	Number  int
}

// Clocks are what the guest's clocks show.
type Clocks struct {
	// Wall is CLOCK_REALTIME.
	Wall time.Time
	// Uptime is CLOCK_BOOTTIME.
	Uptime time.Duration
}

// None is the argument, or answer, of an order that has none.
type None struct{}
