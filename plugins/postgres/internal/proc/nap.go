// SPDX-License-Identifier: Apache-2.0

package proc

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// Nap is one look at a process, to tell whether it sleeps and has taken its signals.
type Nap struct {
	// Asleep is whether it waits for something that a signal interrupts.
	Asleep bool
	// Hangup is whether a SIGHUP was sent that its handler has not been run for.
	Hangup bool
	// Naps is how often it went to sleep so far.
	Naps uint64
}

// LookAt looks at a process; fs.ErrNotExist when there is none.
func LookAt(pid int) (Nap, error) {
	raw, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if errors.Is(err, syscall.ESRCH) {
		err = fs.ErrNotExist
	}
	if err != nil {
		return Nap{}, err
	}
	return parseNap(pid, string(raw))
}

func parseNap(pid int, text string) (n Nap, err error) {
	found := 0
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		switch name {
		case "State":
			n.Asleep = strings.HasPrefix(value, "S")
		case "SigPnd", "ShdPnd":
			var set uint64
			set, err = strconv.ParseUint(value, 16, 64)
			n.Hangup = n.Hangup || set&(1<<(syscall.SIGHUP-1)) != 0
		case "voluntary_ctxt_switches":
			n.Naps, err = strconv.ParseUint(value, 10, 64)
		default:
			continue
		}
		if err != nil {
			return n, fmt.Errorf("status of process %d: %w", pid, err)
		}
		found++
	}
	if found != 4 {
		return n, fmt.Errorf("status of process %d: %d of 4 lines", pid, found)
	}
	return n, nil
}

// SleptThrough tells whether the process was in one and the same sleep all the time between two looks, and had run its
// handler for every SIGHUP sent before the first one. What it was seen waiting for in between it waited for with these
// signals taken.
func SleptThrough(first, second Nap) bool {
	return first.Asleep && second.Asleep && !first.Hangup && !second.Hangup && first.Naps == second.Naps
}
