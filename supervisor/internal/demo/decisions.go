// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"cmp"
	"slices"
	"time"
)

// passing is how long a decision must hold to be worth telling when it does nothing.
const passing = 300 * time.Millisecond

// notable returns those of one node's decisions, oldest first, that are worth telling: which do something, or held for
// a while, or hold still; and none that only says again what the one before said.
func notable(all []decision) []decision {
	var kept []decision
	for i, d := range all {
		last := i == len(all)-1
		if !d.acts() && !last && all[i+1].at.Sub(d.at) < passing {
			continue
		}
		if len(kept) > 0 && kept[len(kept)-1].rule == d.rule {
			continue
		}
		kept = append(kept, d)
	}
	return kept
}

// acts tells whether a decision does more than keep records.
func (d decision) acts() bool {
	return slices.ContainsFunc(d.plan, func(action string) bool { return action != "commit" })
}

// newest returns the last n decisions of all nodes in the order in which they were made.
func newest(all []decision, n int) []decision {
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b decision) int {
		return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.node, b.node))
	})
	return all[max(0, len(all)-n):]
}
