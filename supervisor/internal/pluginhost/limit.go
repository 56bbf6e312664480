// SPDX-License-Identifier: Apache-2.0

package pluginhost

import "time"

const (
	// linesPerSecond may be logged, after a burst of lineBurst.
	linesPerSecond, lineBurst = 100, 500
	// bytesPerSecond are read; a plugin that writes more waits in its write.
	bytesPerSecond = 4 << 20
)

// lineLimit is a token bucket of lines.
type lineLimit struct {
	tokens     float64
	at         time.Time
	suppressed int
}

func newLineLimit(now time.Time) lineLimit { return lineLimit{tokens: lineBurst, at: now} }

// allow tells whether one more line may be logged now, and if so how many were not since the last one.
func (l *lineLimit) allow(now time.Time) (ok bool, suppressed int) {
	l.tokens = min(lineBurst, l.tokens+now.Sub(l.at).Seconds()*linesPerSecond)
	l.at = now
	if l.tokens < 1 {
		l.suppressed++
		return false, 0
	}
	l.tokens--
	return true, l.take()
}

// take returns how many lines were suppressed and not yet told.
func (l *lineLimit) take() int {
	n := l.suppressed
	l.suppressed = 0
	return n
}

// byteLimit holds a writer back once it wrote bytesPerSecond within a second, until the second is over or stop
// is closed.
type byteLimit struct {
	stop  <-chan struct{}
	since time.Time
	bytes int
}

func (l *byteLimit) wait(n int) {
	now := time.Now()
	if now.Sub(l.since) >= time.Second {
		l.since, l.bytes = now, 0
	}
	l.bytes += n
	if l.bytes <= bytesPerSecond {
		return
	}
	over := time.NewTimer(time.Second - now.Sub(l.since))
	defer over.Stop()
	select {
	case <-over.C:
	case <-l.stop:
	}
}
