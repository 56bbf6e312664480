// SPDX-License-Identifier: Apache-2.0

package modelcheck

import (
	"fmt"
	"strings"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
)

// syncSet is a value of synchronous_standby_names: k of a set of nodes.
type syncSet struct {
	k     int
	nodes nodeSet
}

// nodeSet is a set of nodes, a bit each.
type nodeSet uint8

func (s nodeSet) has(i int) bool     { return s>>i&1 != 0 }
func (s nodeSet) with(i int) nodeSet { return s | 1<<i }

func (s nodeSet) len() int {
	n := 0
	for ; s != 0; s &= s - 1 {
		n++
	}
	return n
}

// parseSync reads the form that the core writes.
func parseSync(text string) syncSet {
	var s syncSet
	if text == "" {
		return s
	}
	rest, ok := strings.CutPrefix(text, "ANY ")
	if !ok {
		panic("synchronous_standby_names: " + text)
	}
	s.k = int(rest[0] - '0')
	for i, n := range names {
		if strings.Contains(text, `"`+n+`"`) {
			s.nodes = s.nodes.with(i)
		}
	}
	return s
}

// String prints such as "1 of BC".
func (s syncSet) String() string {
	out := fmt.Sprintf("%d of ", s.k)
	for i, n := range names {
		if s.nodes.has(i) {
			out += n
		}
	}
	return out
}

// members are the nodes of a cohort.
func members(c core.Cohort) nodeSet {
	var s nodeSet
	for i, n := range names {
		for _, m := range c.Members {
			if m == n {
				s = s.with(i)
			}
		}
	}
	return s
}

// releases tells whether a commit that these standbys have is released by the value.
func (s syncSet) releases(have nodeSet) bool { return (have & s.nodes).len() >= s.k }

// covers is the relation between what PostgreSQL waits for and the record, written anew rather than asked of the core.
func (s syncSet) covers(c core.Cohort) bool {
	return c.K == 0 || s.k-(s.nodes&^members(c)).len() >= c.K
}
