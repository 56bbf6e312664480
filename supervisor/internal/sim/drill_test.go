// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// drillSeeds is how often a drill is played, each time with other delays and outcomes.
const drillSeeds = 30

// drill reads a file of a folder of testdata, drills, quorum or rollback: lines that begin with "#" tell the story, each other line is a fault. A host "@what" is
// whoever next does that; the fault hits it as many milliseconds later as its time leaves divided by 80.
func drill(t *testing.T, folder, name string) []fault {
	t.Helper()
	faults, _ := seededDrill(t, folder, name)
	return faults
}

// seededDrill is drill, and the seed that a line "seed n" names: of the world that the drill was found in.
func seededDrill(t *testing.T, folder, name string) (faults []fault, seeds []int64) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", folder, name+".txt"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		var seed int64
		if n, _ := fmt.Sscanf(line, "seed %d", &seed); n == 1 {
			seeds = append(seeds, seed)
			continue
		}
		f, err := parseFault(line)
		if err != nil {
			t.Fatal(err)
		}
		faults = append(faults, f)
	}
	return faults, seeds
}

// Ensure the drills, each of which broke something once, break nothing.
func TestDrills(t *testing.T) { playDrills(t, "drills", Async) }

// Ensure the same of those of quorum durability.
func TestQuorumDrills(t *testing.T) { playDrills(t, "quorum", Quorum) }

// Ensure the same of disks that are put back.
func TestRollbackDrills(t *testing.T) { playDrills(t, "rollback", Rollback) }

func playDrills(t *testing.T, folder, durability string) {
	files, err := filepath.Glob(filepath.Join("testdata", folder, "*.txt"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%d drills: %v", len(files), err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".txt")
		t.Run(name, func(t *testing.T) {
			faults, seeds := seededDrill(t, folder, name)
			for seed := range int64(drillSeeds) {
				seeds = append(seeds, seed+1)
			}
			for _, seed := range seeds {
				p := plot{seed: seed, faults: faults, durability: durability}
				if w := p.play(mutant{}, false); len(w.judge.wrong) > 0 {
					t.Fatalf("seed %d: %v\n%s", p.seed, w.judge.wrong, p.shrink(mutant{}).tell(mutant{}))
				}
			}
		})
	}
}
