// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"fmt"
	"time"

	"github.com/pgvigil/pgvigil/supervisor/internal/lab/boottime"
	"github.com/pgvigil/pgvigil/supervisor/internal/lab/ledger"
)

// leadership is what an act demands of it.
type leadership byte

const (
	either leadership = iota
	stays
	moves
)

// demand is what an act must keep.
type demand struct {
	// bound of the longest time between two acknowledged writes of one client.
	bound  time.Duration
	leader leadership
	// lossy acts may lose acknowledged writes: as many as fit into maxLag bytes of WAL.
	lossy bool
}

// maxLag is how many bytes of WAL a candidate may lack (maximum_lag_on_failover of the nodes' configuration).
const maxLag = 16 << 20

// outcome is what an act did.
type outcome struct {
	// since is when the act before ended, begin when this one's fault was about to come.
	since, begin, end boottime.Instant
	before, after     string
	gap               time.Duration
	// leaderships is how many began.
	leaderships int
}

// judge returns what was not as demanded.
func (d demand) judge(o outcome) []string {
	var faults []string
	if o.gap > d.bound {
		faults = append(faults, fmt.Sprintf("no acknowledged write for %d ms, more than the %d ms allowed", o.gap.Milliseconds(), d.bound.Milliseconds()))
	}
	if o.leaderships > 1 {
		faults = append(faults, fmt.Sprintf("%d leaderships began, one after the other", o.leaderships))
	}
	if d.leader == stays && o.before != o.after {
		faults = append(faults, fmt.Sprintf("the leadership moved from %s to %s", o.before, o.after))
	}
	if d.leader == moves && o.before == o.after {
		faults = append(faults, fmt.Sprintf("%s still leads", o.after))
	}
	return faults
}

// judgeLoss returns what is wrong about writes that are gone and were acknowledged in the course of the act.
func (d demand) judgeLoss(lost []ledger.Entry) []string {
	if len(lost) == 0 {
		return nil
	}
	if !d.lossy {
		return []string{fmt.Sprintf("%d acknowledged writes are lost, the first is %s", len(lost), lost[0])}
	}
	if span := walSpan(lost); span > maxLag {
		return []string{fmt.Sprintf("the lost writes span %d bytes of WAL, more than the %d allowed", span, maxLag)}
	}
	return nil
}

// walSpan is how many bytes of WAL lie between the first and the last of the entries.
func walSpan(entries []ledger.Entry) uint64 {
	first, last := entries[0].LSN, entries[0].LSN
	for _, e := range entries {
		first, last = min(first, e.LSN), max(last, e.LSN)
	}
	return last - first
}

// during returns the entries that were acknowledged in the course of an act, or between it and the one before.
func (o outcome) during(entries []ledger.Entry) []ledger.Entry {
	var found []ledger.Entry
	for _, e := range entries {
		if e.At >= o.since && e.At < o.end {
			found = append(found, e)
		}
	}
	return found
}
