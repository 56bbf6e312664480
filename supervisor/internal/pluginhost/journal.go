// SPDX-License-Identifier: Apache-2.0

package pluginhost

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"
)

const (
	// maxLine bounds one line of output; what is longer is cut.
	maxLine = 64 << 10
	// tailLines and tailWidth bound what is kept to explain an early end.
	tailLines, tailWidth = 20, 500
)

// journal turns what one plugin process prints into log records. It is bounded in every direction: length of
// a line, lines logged per second, bytes read per second, lines kept.
type journal struct {
	// hurried lets output pass unthrottled, so that the end of it can be read quickly.
	hurried chan struct{}

	mu        sync.Mutex
	log       *slog.Logger
	limit     lineLimit
	tail      []string
	panicking bool
}

func newJournal(log *slog.Logger) *journal {
	return &journal{hurried: make(chan struct{}), log: log, limit: newLineLimit(time.Now())}
}

// hurry must be called once, when the process has ended.
func (j *journal) hurry() { close(j.hurried) }

// started adds the process id to every record.
func (j *journal) started(pid int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.log = j.log.With("pid", pid)
}

// stream is a writer for one stream of output. It never fails, and blocks while the plugin floods.
func (j *journal) stream() *lineWriter {
	return &lineWriter{emit: j.line, throttle: byteLimit{stop: j.hurried}}
}

// line logs one line and keeps it for the tail. cut is how many bytes are missing at its end.
func (j *journal) line(line []byte, cut int) {
	if len(bytes.TrimSpace(line)) == 0 {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.keep(line)
	now := time.Now()
	ok, suppressed := j.limit.allow(now)
	j.noteSuppressed(suppressed)
	if ok {
		j.emit(line, cut)
	}
}

func (j *journal) emit(line []byte, cut int) {
	e := parseEntry(line)
	if e.structured {
		j.panicking = false
	} else if j.panicking = j.panicking || isPanic(e.message); j.panicking {
		e.level = slog.LevelError
	}
	if cut > 0 {
		e.attrs = append(e.attrs, slog.Int("cut_bytes", cut))
	}
	j.log.LogAttrs(context.Background(), e.level, e.message, e.attrs...) //nolint:sloglint // the plugin's own message
}

// flush tells what was suppressed at last.
func (j *journal) flush() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.noteSuppressed(j.limit.take())
}

func (j *journal) noteSuppressed(lines int) {
	if lines > 0 {
		j.log.Warn("plugin output suppressed", "lines", lines)
	}
}

// keep remembers the line for the tail.
func (j *journal) keep(line []byte) {
	if len(j.tail) == tailLines {
		copy(j.tail, j.tail[1:])
		j.tail = j.tail[:tailLines-1]
	}
	short := line[:min(len(line), tailWidth)]
	j.tail = append(j.tail, strings.ToValidUTF8(string(short), "?"))
}

// last are the last lines, joined for an error; empty when there were none.
func (j *journal) last() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return strings.Join(j.tail, "\n")
}

// lineWriter cuts what is written into lines of at most maxLine bytes.
type lineWriter struct {
	emit     func(line []byte, cut int)
	throttle byteLimit
	line     []byte
	cut      int
}

func (w *lineWriter) Write(p []byte) (int, error) {
	w.throttle.wait(len(p))
	for rest := p; len(rest) > 0; {
		head, tail, found := bytes.Cut(rest, []byte{'\n'})
		w.add(head)
		if found {
			w.end()
		}
		rest = tail
	}
	return len(p), nil
}

func (w *lineWriter) add(part []byte) {
	n := min(len(part), maxLine-len(w.line))
	w.line = append(w.line, part[:n]...)
	w.cut += len(part) - n
}

// end emits what there is of the line.
func (w *lineWriter) end() {
	w.emit(w.line, w.cut)
	w.line, w.cut = w.line[:0], 0
	if cap(w.line) > tailWidth {
		w.line = nil
	}
}
