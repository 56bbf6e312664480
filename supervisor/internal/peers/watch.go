// SPDX-License-Identifier: Apache-2.0

package peers

import (
	"time"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
)

// watch is who must not be silent for long.
type watch struct {
	name  string
	after time.Duration
	alarm alarm
	// over says that the alarm has rung since the last beat.
	over bool
}

// Watch has Changed sent to, once until the next beat, when a member has been silent for a span. Empty is nobody.
func (p *Peers) Watch(name string, after core.Span) {
	p.mu.Lock()
	defer p.mu.Unlock()
	w := &p.watch
	if w.name == name && w.after == time.Duration(after) {
		return
	}
	w.name, w.after, w.over = name, time.Duration(after), false
	w.alarm.set(w.span())
}

// span is how long to wait from now on; 0 for ever.
func (w *watch) span() time.Duration {
	if w.name == "" {
		return 0
	}
	return max(w.after, 1)
}

// silent is called when nothing came for long.
func (p *Peers) silent() {
	p.mu.Lock()
	p.watch.over = p.watch.name != ""
	p.mu.Unlock()
	p.nudge()
}

// fired tells whether a member has been silent for so long.
func (w *watch) fired(name string) bool { return w.name == name && w.over }

// heard begins to wait anew.
func (w *watch) heard(name string) {
	if w.name == name {
		w.over = false
		w.alarm.set(w.span())
	}
}
