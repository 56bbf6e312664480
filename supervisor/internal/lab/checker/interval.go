// SPDX-License-Identifier: Apache-2.0

// Package checker watches all servers of a cluster at once and tells whether two of them were ever writable at the same
// time, or on the same timeline.
package checker

import (
	"fmt"
	"time"

	"github.com/pgvigil/pgvigil/supervisor/internal/lab/boottime"
)

// Interval is a time during which a server was seen to accept writes, without a restart in between. What is not
// proven is not claimed: the server was writable from some instant in First to some instant in Last.
type Interval struct {
	Node string
	// Incarnation is the start time of the postmaster; Timeline its WAL's.
	Incarnation string
	Timeline    uint32
	First, Last Window
	Samples     int
}

// Window is the time between asking and having the answer, which was true at some instant in it.
type Window struct{ Asked, Answered boottime.Instant }

func (i Interval) String() string {
	return fmt.Sprintf("%s (timeline %d, started %s) writable from %d to %d", i.Node, i.Timeline, i.Incarnation,
		i.First.Answered, i.Last.Asked)
}

// continues tells whether a sample belongs to the interval.
func (i Interval) continues(s sample) bool {
	return i.Incarnation == s.incarnation && i.Timeline == s.timeline
}

// overlap is how long two intervals certainly overlapped; negative when it is not certain that they did. Zero is an
// instant, which is enough.
func overlap(a, b Interval) time.Duration {
	return min(a.Last.Asked, b.Last.Asked).Sub(max(a.First.Answered, b.First.Answered))
}

// simultaneous tells whether both were certainly writable at one instant. An interval of one sample has its end before
// its beginning, and is covered when the other one spans the whole window.
func simultaneous(a, b Interval) bool {
	return a.First.Answered <= b.Last.Asked && b.First.Answered <= a.Last.Asked
}

// violations compares every two intervals of different servers.
func violations(intervals []Interval) []string {
	var found []string
	for i, a := range intervals {
		for _, b := range intervals[i+1:] {
			if a.Node != b.Node {
				found = append(found, compare(a, b)...)
			}
		}
	}
	return found
}

func compare(a, b Interval) (found []string) {
	if simultaneous(a, b) {
		found = append(found, fmt.Sprintf("two writable primaries for at least %s: %s; %s", max(0, overlap(a, b)), a, b))
	}
	if a.Timeline == b.Timeline {
		found = append(found, fmt.Sprintf("two primaries on one timeline: %s; %s", a, b))
	}
	return found
}
