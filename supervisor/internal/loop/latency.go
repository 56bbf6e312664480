// SPDX-License-Identifier: Apache-2.0

package loop

import (
	"sync"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
	"github.com/pgvigil/pgvigil/supervisor/internal/status"
)

// stopwatch is how long calls took.
type stopwatch struct {
	mu sync.Mutex
	of status.Latency
}

func (s *stopwatch) add(took core.Span) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.of.Add(took)
}

func (s *stopwatch) latency() status.Latency {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.of
}
