// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"crypto/rand"
	"encoding/binary"
	"flag"
	"testing"
)

var (
	fixedSeeds  = flag.Int("sim.seeds", 400, "how many schedules TestFixedSeeds plays, from seed 1")
	freshSeeds  = flag.Int("sim.fresh", 100, "how many schedules TestFreshSeeds plays, from a new seed each time")
	mutantSeeds = flag.Int("sim.mutants", 4000, "within how many schedules TestMutants must notice")
)

// Ensure no schedule of faults breaks a promise. `make sim SEED=n` tells a failing one again.
func TestFixedSeeds(t *testing.T) {
	for _, durability := range []string{Async, Quorum} {
		t.Run(durability, func(t *testing.T) { mustHold(t, durability, 1, *fixedSeeds) })
	}
}

// Ensure the same of schedules that nobody has seen yet.
func TestFreshSeeds(t *testing.T) {
	var b [4]byte
	_, _ = rand.Read(b[:])
	for _, durability := range []string{Async, Quorum} {
		t.Run(durability, func(t *testing.T) {
			mustHold(t, durability, int64(binary.BigEndian.Uint32(b[:]))+1_000_000, *freshSeeds)
		})
	}
}

func mustHold(t *testing.T, durability string, from int64, n int) {
	t.Logf("%d schedules from seed %d", n, from)
	for _, f := range Search(durability, from, n, 10, nil) {
		t.Errorf("seed %d: %v", f.Seed, f.Wrong)
		if f.Story != "" {
			t.Log(f.Story)
		}
	}
}
