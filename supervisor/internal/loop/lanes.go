// SPDX-License-Identifier: Apache-2.0

package loop

import "sync"

// lanes run what must not run on the loop: each lane one thing at a time, a second one is dropped (the core asks
// again while it is needed).
type lanes struct {
	mu   sync.Mutex
	busy map[string]bool
	all  sync.WaitGroup
}

// try runs f beside the loop unless the lane is taken.
func (l *lanes) try(name string, f func()) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.busy[name] {
		return false
	}
	if l.busy == nil {
		l.busy = map[string]bool{}
	}
	l.busy[name] = true
	l.start(func() {
		defer l.free(name)
		f()
	})
	return true
}

func (l *lanes) free(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.busy, name)
}

// start runs f beside the loop.
func (l *lanes) start(f func()) { l.all.Go(f) }

// wait returns when everything that was started has ended.
func (l *lanes) wait() { l.all.Wait() }
