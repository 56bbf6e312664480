// SPDX-License-Identifier: Apache-2.0

package logging

import (
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"github.com/coreos/go-systemd/v22/journal"
)

const (
	// spoolLength is how many entries may wait for the journal.
	spoolLength = 1000
	// flushPatience is how long the end of a program waits for it.
	flushPatience = time.Second
)

// sender is journal.Send.
type sender func(message string, p journal.Priority, fields map[string]string) error

// spool hands entries to the journal and keeps nobody waiting: a journal that hangs must not cost a leadership. What finds no room
// is counted and lost.
type spool struct {
	send    sender
	entries chan entry
	lost    atomic.Int64
}

type entry struct {
	message  string
	priority journal.Priority
	fields   map[string]string
	// written is closed instead of anything being sent; nil for an entry.
	written chan struct{}
}

// newSpool begins to send. There is no end to it, as there is none to the log of a service.
func newSpool(send sender) *spool {
	s := &spool{send: send, entries: make(chan entry, spoolLength)}
	go s.run()
	return s
}

func (s *spool) add(e entry) {
	select {
	case s.entries <- e:
	default:
		s.lost.Add(1)
	}
}

// run sends; what the journal does not take goes to standard error.
func (s *spool) run() {
	for e := range s.entries {
		if e.written != nil {
			close(e.written)
			continue
		}
		if lost := s.lost.Swap(0); lost > 0 {
			e.message += fmt.Sprintf(" (%d entries before this one are lost)", lost)
		}
		if err := s.send(e.message, e.priority, e.fields); err != nil {
			fmt.Fprintln(os.Stderr, e.message)
		}
	}
}

// flush waits until what was logged before is written, but not for a journal that hangs.
func (s *spool) flush() {
	patience := time.After(flushPatience)
	written := make(chan struct{})
	select {
	case s.entries <- entry{written: written}:
	case <-patience:
		return
	}
	select {
	case <-written:
	case <-patience:
	}
}
