// SPDX-License-Identifier: Apache-2.0

package launcher

import "io"

// Backlog of a DropWriter, in lines.
const dropBacklog = 64

// DropWriter passes lines on to another writer without ever waiting for it: what does not fit is dropped. The launcher's
// log may be a pipe whose reader is stopped, or a file on a disk that hangs, and must not hold up its clock.
type DropWriter struct{ lines chan []byte }

// NewDropWriter returns a writer that feeds w from a goroutine of its own, which lives as long as the process.
func NewDropWriter(w io.Writer) *DropWriter {
	d := &DropWriter{lines: make(chan []byte, dropBacklog)}
	go d.run(w)
	return d
}

// Write queues a copy of p, or drops it. It never fails.
func (d *DropWriter) Write(p []byte) (int, error) {
	select {
	case d.lines <- append([]byte(nil), p...):
	default:
	}
	return len(p), nil
}

func (d *DropWriter) run(w io.Writer) {
	for line := range d.lines {
		_, _ = w.Write(line) // nobody to tell
	}
}
