// SPDX-License-Identifier: Apache-2.0

package loop

import "sync"

// lanes run what must not run on the loop: each lane one thing at a time. A second one is dropped, and the loop is
// woken when the lane is free: the core asks again while it is needed.
type lanes struct {
	// wake is called when a lane is free in which something was dropped.
	wake func()

	mu sync.Mutex
	// busy holds the lanes that are taken, and whether something was dropped there.
	busy map[string]bool
	all  sync.WaitGroup
}

// try runs f beside the loop unless the lane is taken.
func (l *lanes) try(name string, f func()) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, taken := l.busy[name]; taken {
		l.busy[name] = true
		return false
	}
	if l.busy == nil {
		l.busy = map[string]bool{}
	}
	l.busy[name] = false
	l.start(func() {
		defer l.free(name)
		f()
	})
	return true
}

func (l *lanes) free(name string) {
	l.mu.Lock()
	dropped := l.busy[name]
	delete(l.busy, name)
	l.mu.Unlock()
	if dropped {
		l.wake()
	}
}

// start runs f beside the loop.
func (l *lanes) start(f func()) { l.all.Go(f) }

// wait returns when everything that was started has ended.
func (l *lanes) wait() { l.all.Wait() }
