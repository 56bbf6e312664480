// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"fmt"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
)

// host is a machine of the cluster. What ends with the supervisor's process is in life.
type host struct {
	name   string
	policy core.Policy
	boots  int
	bootAt core.Instant // true time at which its clock began
	ppm    int64        // how much its clock is fast
	up     bool
	life   *life
	// frozen counts the reasons for which the supervisor does not run; backlog is what waits for it.
	frozen  int
	backlog []func()
	saved   core.Durable
	pg      server
	// seen is the greatest epoch the PostgreSQL plugin was called under.
	seen core.Epoch
	// watchAt and reportAt keep streams in order.
	watchAt, reportAt core.Instant
	reported          signature
	// paused counts the reasons for which nothing on the host runs, held is what waits for it.
	paused int
	held   []func()
	// snapshot and older are of its disk.
	snapshot, older snapshot
	// trouble counts faults in force, by name.
	trouble map[string]int
}

func (w *world) host(name string) *host {
	for _, h := range w.hosts {
		if h.name == name {
			return h
		}
	}
	return nil
}

// clock is the host's own time; trueTime is when its clock will show an instant.
func (w *world) clock(h *host) core.Instant {
	return core.Instant(core.Second) + core.Instant(int64(w.now-h.bootAt)/1000*(1_000_000+h.ppm)/1000)
}

// reaches tells whether a host reaches the DCS, linked whether two hosts reach each other.
func (w *world) reaches(h *host) bool {
	return h.up && h.trouble["cut-dcs"] == 0 && h.trouble["cut"] == 0 && w.store.down == 0
}

// latency of one way to or from the DCS.
func (w *world) latency(h *host, slow string) core.Span {
	if h.trouble[slow] > 0 && w.chance(0.6) {
		return w.span(0, 2*core.Second)
	}
	return w.span(200*1000, 3*core.Millisecond)
}

// boot turns a host on: a new boot has a new token, and remembers nothing of /run.
func (w *world) boot(h *host) {
	if h.up {
		return
	}
	h.boots++
	h.up, h.bootAt = true, w.now.Add(-w.span(0, 20*core.Second))
	h.policy.Self.Token = fmt.Sprintf("t-%s-%d", h.name, h.boots)
	h.saved.OfBoot = core.OfBoot{}
	w.begin(h)
}

// powerOff takes a host down, with all that runs on it.
func (w *world) powerOff(h *host) {
	w.say("%s: power lost", h.name)
	w.end(h)
	h.pg.kill(w)
	h.up, h.paused, h.held = false, 0, nil
}
