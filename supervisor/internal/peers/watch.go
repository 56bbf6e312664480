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
	timer *time.Timer // nil while nobody is watched
	// over says that the timer has run out since the last beat.
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
	if w.timer != nil {
		w.timer.Stop()
	}
	*w = watch{name: name, after: time.Duration(after)}
	if name != "" {
		timer := time.AfterFunc(w.after, func() { p.silent(name) })
		w.timer = timer
	}
}

// silent is called when nothing came for long.
func (p *Peers) silent(name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.watch.name == name {
		p.watch.over = true
		p.nudge()
	}
}

// fired tells whether a member has been silent for so long.
func (w *watch) fired(name string) bool { return w.name == name && w.over }

// heard begins to wait anew.
func (w *watch) heard(name string) {
	if w.name == name && w.timer != nil {
		w.over = false
		w.timer.Reset(w.after)
	}
}
