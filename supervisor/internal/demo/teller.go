// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// teller writes lines with the time in front. Safe for use by several goroutines.
type teller struct {
	out io.Writer
	mu  sync.Mutex
}

func (t *teller) say(format string, args ...any) {
	t.write(time.Now().Format("15:04:05.000") + "  " + fmt.Sprintf(format, args...))
}

// quote writes text as it is, such as the end of a log.
func (t *teller) quote(text string) { t.write(text) }

func (t *teller) write(line string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	// Nobody is left to be told that the terminal is gone.
	_, _ = io.WriteString(t.out, line+"\n")
}
