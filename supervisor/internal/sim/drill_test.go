// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// drillSeeds is how often a drill is played, each time with other delays and outcomes.
const drillSeeds = 30

// drill reads a file of testdata/drills: lines that begin with "#" tell the story, each other line is a fault. A host "@what" is
// whoever next does that; the fault hits it as many milliseconds later as its time leaves divided by 80.
func drill(t *testing.T, name string) []fault {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata/drills", name+".txt"))
	if err != nil {
		t.Fatal(err)
	}
	var faults []fault
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		f, err := parseFault(line)
		if err != nil {
			t.Fatal(err)
		}
		faults = append(faults, f)
	}
	return faults
}

// Ensure the drills, each of which broke something once, break nothing.
func TestDrills(t *testing.T) {
	files, err := filepath.Glob("testdata/drills/*.txt")
	if err != nil || len(files) < 5 {
		t.Fatalf("%d drills: %v", len(files), err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".txt")
		t.Run(name, func(t *testing.T) {
			faults := drill(t, name)
			for seed := range int64(drillSeeds) {
				p := plot{seed: seed + 1, faults: faults, durability: Async}
				if w := p.play(mutant{}, false); len(w.judge.wrong) > 0 {
					t.Fatalf("seed %d: %v\n%s", p.seed, w.judge.wrong, p.shrink(mutant{}).tell(mutant{}))
				}
			}
		})
	}
}
