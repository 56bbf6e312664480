// SPDX-License-Identifier: Apache-2.0

package peers

import (
	"errors"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
)

// Fault is why a datagram was dropped.
type Fault int

// The faults.
const (
	fine Fault = iota
	// Malformed is no message, Oversized longer than one may be.
	Malformed
	Oversized
	// Forged has the wrong MAC, Foreign is of another cluster.
	Forged
	Foreign
	// Stranger is not from a member, or without a secret not from its host.
	Stranger
	// Unproven is of a process that has not proven that it lives, or to another process than this one.
	Unproven
	// Repeated came before, or a later one did.
	Repeated

	faults
)

// Faults lists them all.
func Faults() []Fault {
	return []Fault{Malformed, Oversized, Forged, Foreign, Stranger, Unproven, Repeated}
}

// String names the fault as metrics do.
func (f Fault) String() string {
	return [...]string{"", "malformed", "oversized", "forged", "foreign", "stranger", "unproven", "repeated"}[f]
}

// Counts are datagrams since the start.
type Counts struct {
	Received, Sent, Unsent uint64
	// Dropped by Fault; none has fault 0.
	Dropped [faults]uint64
}

// Counts tells how many datagrams there have been.
func (p *Peers) Counts() Counts {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.counts
}

// logEvery is the least time between two lines about dropped datagrams.
const logEvery = 60 * core.Second

// drop counts a datagram with a fault, and tells whether it is worth a line in the log. What restarts and reordering networks bring
// about is not. The caller holds mu.
func (p *Peers) drop(f Fault) bool {
	if f == fine {
		return false
	}
	p.counts.Dropped[f]++
	now := p.Clock()
	if f == Unproven || f == Repeated || p.logged != 0 && now.Sub(p.logged) < logEvery {
		return false
	}
	p.logged = now
	return true
}

// fault is what is wrong with a datagram by the error of decode.
func fault(err error) Fault {
	switch {
	case err == nil:
		return fine
	case errors.Is(err, errOversized):
		return Oversized
	case errors.Is(err, errForged):
		return Forged
	}
	return Malformed
}
