// SPDX-License-Identifier: Apache-2.0

package modelcheck

import "github.com/pgvigil/pgvigil/supervisor/internal/core"

// Mutant is a core with one thing wrong, made by lying to it and about it. The zero Mutant is the core as it is.
type Mutant struct {
	// Observe changes what the core is shown.
	Observe func(n *node, o *core.Observation)
	// Decided changes what the core decided, state and plan.
	Decided func(before core.State, o core.Observation, s *core.State, plan core.Plan) core.Plan
}
