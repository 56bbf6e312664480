// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e_test

import (
	"context"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/pgvigil/pgvigil/supervisor/internal/lab"
	"github.com/pgvigil/pgvigil/supervisor/internal/lab/boottime"
)

// TestRollingFailures plays one random fault after another under load, not always waiting until the cluster is well again, with
// one ledger and one history of registers from the first to the last. PGVIGIL_E2E_CYCLES says how many, of which versions but
// the newest play a third, and PGVIGIL_E2E_SEED which.
func TestRollingFailures(t *testing.T) {
	cycles, seed := number(t, "PGVIGIL_E2E_CYCLES", 12), number(t, "PGVIGIL_E2E_SEED", int(rand.Int32()))
	everyVersion(t, func(t *testing.T, pgBin string) {
		cycles := cycles
		c := start(t, lab.Options{PGBin: pgBin, Durability: "quorum"})
		t.Logf("PGVIGIL_E2E_SEED=%d PGVIGIL_E2E_CYCLES=%d", seed, cycles)
		s := begin(t, c)
		s.useRegisters()
		r := &roller{story: s, dice: rand.New(rand.NewPCG(uint64(seed), 0))}
		if pgBin != newest(t) {
			cycles = min(cycles, max(4, cycles/3))
		}
		for i := range cycles {
			r.cycle(i + 1)
		}
		s.end()
	})
}

func number(t *testing.T, name string, otherwise int) int {
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// roller plays random faults.
type roller struct {
	*story
	dice *rand.Rand
}

// blow is a fault of a node; mend, which may be nil, undoes what does not undo itself.
type blow struct {
	name       string
	play, mend func(*lab.Node) error
}

func (r *roller) blows() []blow {
	return []blow{
		{"postmaster killed", (*lab.Node).KillPostmaster, nil},
		{"host killed", (*lab.Node).KillHost, (*lab.Node).StartHost},
		{"unplugged", (*lab.Node).Unplug, (*lab.Node).Heal},
		{"cut off", func(n *lab.Node) error { return n.Cut(lab.Cut{}) }, (*lab.Node).Heal},
		{"cut off from the others, not from the dcs", (*lab.Node).CutFromStandbys, (*lab.Node).Heal},
		{"hears nothing", func(n *lab.Node) error { return n.Cut(lab.Cut{Direction: lab.Inbound}) }, (*lab.Node).Heal},
		{"cut off from the dcs", (*lab.Node).CutFromDCS, (*lab.Node).Heal},
		{"switchover", r.handOver, nil},
		{"supervisor killed", (*lab.Node).KillSupervisor, (*lab.Node).StartSupervisor},
		{"supervisor frozen", (*lab.Node).StopSupervisor, (*lab.Node).ContSupervisor},
		{"host frozen", func(n *lab.Node) error { n.FreezeHost(); return nil }, func(n *lab.Node) error { n.ThawHost(); return nil }},
		{"etcd plugin killed", func(n *lab.Node) error { return n.KillPlugin("etcd") }, nil},
		{"postgres plugin killed", func(n *lab.Node) error { return n.KillPlugin("postgres") }, nil},
	}
}

// handOver asks the leader for a switchover. That may be refused in the state that the last fault left.
func (r *roller) handOver(*lab.Node) error {
	ctx, cancel := context.WithTimeout(r.Context(), 5*time.Second)
	defer cancel()
	if err := r.leader().Switchover(ctx, nil); err != nil {
		r.Logf("  %v", err)
	}
	return nil
}

// cycle plays one fault, more often on the primary than on another node, and mends it within twice the ttl.
func (r *roller) cycle(number int) {
	blows := r.blows()
	b, victim := blows[r.dice.IntN(len(blows))], r.leader()
	if r.dice.IntN(3) == 0 {
		victim = r.Except(victim)[r.dice.IntN(2)]
	}
	during := time.Duration(r.dice.Int64N(int64(2 * ttl)))
	well := r.dice.IntN(2) == 0
	begun := boottime.Now()
	if err := b.play(victim); err != nil {
		r.Logf("%d: %s: %s: %v", number, victim.Name, b.name, err) // what the last fault took away cannot be broken
	}
	if b.mend != nil {
		r.pass(during)
		r.do(b.mend(victim))
	}
	if well {
		r.healthy()
		r.inStep()
	}
	r.moreAcks(50)
	r.Logf("%d: from %d for %s: %s: %s; well afterwards: %t; gap %s", number, begun,
		boottime.Now().Sub(begun).Round(time.Millisecond), victim.Name, b.name, well, r.book.Gap(begun).Round(time.Millisecond))
}
