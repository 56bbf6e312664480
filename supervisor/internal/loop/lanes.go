// SPDX-License-Identifier: Apache-2.0

package loop

import "sync"

// lanes run what must not run on the loop: each lane one thing at a time.
type lanes struct {
	// wake is called when a lane is free in which something was dropped.
	wake func()

	mu   sync.Mutex
	busy map[string]*lane
	all  sync.WaitGroup
}

// lane is one in which something runs.
type lane struct {
	next    func() // to be run after it; nil for nothing
	dropped bool
}

// try runs f beside the loop. When the lane is taken, f is dropped, and the loop is woken when the lane is free: the core asks
// again while it is needed.
func (l *lanes) try(name string, f func()) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if taken := l.busy[name]; taken != nil {
		taken.dropped = true
		return false
	}
	l.run(name, f)
	return true
}

// latest runs f beside the loop, after what runs in the lane now; of those that wait there, only the last.
func (l *lanes) latest(name string, f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if taken := l.busy[name]; taken != nil {
		taken.next = f
		return
	}
	l.run(name, f)
}

// run takes a lane that is free. The caller holds the lock.
func (l *lanes) run(name string, f func()) {
	if l.busy == nil {
		l.busy = map[string]*lane{}
	}
	l.busy[name] = &lane{}
	l.start(func() {
		for ; f != nil; f = l.ended(name) {
			f()
		}
	})
}

// ended returns what is to be run next in the lane; when that is nothing, the lane is free.
func (l *lanes) ended(name string) (next func()) {
	l.mu.Lock()
	this := l.busy[name]
	if next, this.next = this.next, nil; next == nil {
		delete(l.busy, name)
	}
	l.mu.Unlock()
	if next == nil && this.dropped {
		l.wake()
	}
	return next
}

// start runs f beside the loop.
func (l *lanes) start(f func()) { l.all.Go(f) }

// wait returns when everything that was started has ended.
func (l *lanes) wait() { l.all.Wait() }
