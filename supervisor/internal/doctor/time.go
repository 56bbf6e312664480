// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"context"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// slowSources are clocks whose every reading leaves the processor.
var slowSources = []string{"hpet", "acpi_pm", "jiffies", "pit"}

// time looks at the host's clocks. Safety does not need them to agree; people and certificates do.
func (d *Doctor) time(_ context.Context, r *report) {
	var t unix.Timex
	switch state, err := unix.Adjtimex(&t); {
	case err != nil:
		r.note("time.synchronised", "", "the kernel does not say whether the clock is synchronised: %v", err)
	case state == unix.TIME_ERROR || t.Status&unix.STA_UNSYNC != 0:
		r.note("time.synchronised", "enable chronyd, systemd-timesyncd or ntpd",
			"the clock is not synchronised: pgvigil does not need it, but "+
				"logs of the hosts cannot be laid side by side, and certificates may look expired")
	default:
		r.ok("time.synchronised", "the clock is synchronised")
	}
	text, err := os.ReadFile("/sys/devices/system/clocksource/clocksource0/current_clocksource")
	source := strings.TrimSpace(string(text))
	switch {
	case err != nil:
	case slices.Contains(slowSources, source):
		r.warn("time.source", "see in the kernel's log why it does not trust the faster one (tsc, kvm-clock)",
			"the clock source is %s: reading the time is slow", source)
	default:
		r.ok("time.source", "the clock source is %s", source)
	}
}
