// SPDX-License-Identifier: Apache-2.0

package launcher

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/pgvigil/pgvigil/supervisor/internal/deadman"
)

// maxGrace is the longest wait between SIGQUIT and SIGKILL that a kill command can ask for.
const maxGrace = time.Minute

// command is one parsed line together with where its answer goes.
type command struct {
	verb   string
	at     int64 // arm
	issued int64 // arm, disarm
	grace  time.Duration
	reply  chan deadman.Reply // buffered, so that the answer never waits for the asker
}

// parseCommand reads one line of the protocol; now stands in for an instant of issue that was not given.
func parseCommand(line string, now int64) (command, error) {
	f := strings.Fields(line)
	if len(f) == 0 {
		return command{}, errors.New("empty command")
	}
	c := command{verb: f[0], issued: now, grace: deadman.DefaultGrace, reply: make(chan deadman.Reply, 1)}
	args, err := parseNumbers(f[1:])
	if err != nil {
		return command{}, err
	}
	switch {
	case c.verb == "arm" && len(args) >= 1 && len(args) <= 2:
		c.at = args[0]
		c.issued = optional(args[1:], now)
	case c.verb == "disarm" && len(args) <= 1:
		c.issued = optional(args, now)
	case c.verb == "kill" && len(args) <= 1:
		ms := optional(args, deadman.DefaultGrace.Milliseconds())
		c.grace = time.Duration(min(ms, maxGrace.Milliseconds())) * time.Millisecond
	case (c.verb == "status" || c.verb == "wait") && len(args) == 0:
	default:
		return command{}, fmt.Errorf("unknown command %q", line)
	}
	if c.verb == "arm" && c.at == 0 {
		return command{}, errors.New("arm: instant 0 means nothing, use disarm")
	}
	return c, nil
}

func parseNumbers(words []string) ([]int64, error) {
	var out []int64
	for _, w := range words {
		n, err := strconv.ParseInt(w, 10, 64)
		if err != nil || n < 0 {
			return nil, fmt.Errorf("not a number of nanoseconds or milliseconds: %q", w)
		}
		out = append(out, n)
	}
	return out, nil
}

func optional(args []int64, otherwise int64) int64 {
	if len(args) == 0 {
		return otherwise
	}
	return args[0]
}
