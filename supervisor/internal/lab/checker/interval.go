// SPDX-License-Identifier: Apache-2.0

// Package checker watches all servers of a cluster at once and tells whether two of them were ever writable at the same
// time, or on the same timeline.
package checker

import (
	"fmt"
	"iter"
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

// violations compares every two intervals of different servers. A replaced primary may stay writable for the time deposed.
func violations(intervals []Interval, deposed time.Duration) []string {
	var found []string
	for a, b := range pairs(intervals) {
		found = append(found, compare(a, b, deposed)...)
	}
	return found
}

// longestOverlap is the longest time that two servers were certainly writable at once; 0 when that never was.
func longestOverlap(intervals []Interval) (longest time.Duration) {
	for a, b := range pairs(intervals) {
		longest = max(longest, overlap(a, b))
	}
	return longest
}

// pairs are every two intervals of different servers.
func pairs(intervals []Interval) iter.Seq2[Interval, Interval] {
	return func(yield func(a, b Interval) bool) {
		for i, a := range intervals {
			for _, b := range intervals[i+1:] {
				if a.Node != b.Node && !yield(a, b) {
					return
				}
			}
		}
	}
}

func compare(a, b Interval, deposed time.Duration) (found []string) {
	if simultaneous(a, b) && (deposed == 0 || overlap(a, b) > deposed) {
		found = append(found, fmt.Sprintf("two writable primaries for at least %s: %s; %s", max(0, overlap(a, b)), a, b))
	}
	if a.Timeline == b.Timeline {
		found = append(found, fmt.Sprintf("two primaries on one timeline: %s; %s", a, b))
	}
	return found
}
