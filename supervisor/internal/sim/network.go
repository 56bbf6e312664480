// SPDX-License-Identifier: Apache-2.0

package sim

import "github.com/pgvigil/pgvigil/supervisor/internal/core"

// passes tells whether packets get from one host to another just now: cuts are for both ways, a host may be mute for one.
func (w *world) passes(a, b *host) bool { return w.linked(a, b) && a.trouble["mute-"+b.name] == 0 }

// wire is how long a packet takes between two hosts.
func (w *world) wire(a, b *host) core.Span {
	if a.trouble["slow-net"] > 0 || b.trouble["slow-net"] > 0 {
		return w.span(0, 400*core.Millisecond)
	}
	return w.span(100_000, 2*core.Millisecond)
}

// datagram sends something that may be lost, doubled, late and out of order. It waits for a host that does not run.
func (w *world) datagram(from, to *host, arrive func()) {
	copies := 1
	if from.trouble["lossy"] > 0 || to.trouble["lossy"] > 0 {
		copies = w.rng.Intn(3)
	} else if w.chance(0.01) {
		copies = 2 * w.rng.Intn(2)
	}
	for range copies {
		late := w.wire(from, to)
		if w.chance(0.02) {
			late = w.span(0, 2*core.Second)
		}
		w.after(late, func() {
			if w.passes(from, to) {
				w.on(to, 0, arrive)
			}
		})
	}
}

// on lets something happen on a host: while the whole host is paused it waits.
func (w *world) on(h *host, d core.Span, do func()) {
	w.after(d, func() { w.there(h, do) })
}

// there does something on a host, now or when the host runs on.
func (w *world) there(h *host, do func()) {
	if h.paused > 0 {
		h.held = append(h.held, do)
		return
	}
	do()
}

// pause stops a host as a whole, as a virtual machine is: its clock goes on, nothing on it runs.
func (w *world) pause(h *host) {
	if !h.up {
		return
	}
	w.say("%s: the host stands still", h.name)
	h.paused++
	h.frozen++
}

// unpause lets a host run on, in the middle of everything.
func (w *world) unpause(h *host) {
	if h.paused == 0 {
		return
	}
	if h.paused--; h.paused > 0 {
		return
	}
	w.say("%s: the host runs on", h.name)
	held := h.held
	h.held = nil
	for _, do := range held {
		w.there(h, do)
	}
	if h.frozen > 0 {
		w.thaw(h)
	}
}
