// SPDX-License-Identifier: Apache-2.0

package daemon

import "github.com/pgvigil/pgvigil/supervisor/internal/core"

// alone is a loop.Peers that hears nobody.
type alone struct{}

func (alone) Heard() []core.Heard                { return nil }
func (alone) Probed() core.Probe                 { return core.Probe{} }
func (alone) Changed() <-chan struct{}           { return nil }
func (alone) Meet([]core.Versioned[core.Member]) {}
func (alone) Tell(*core.Beat)                    {}
func (alone) Watch(string, core.Span)            {}
func (alone) Probe(*core.Peer)                   {}
func (alone) Promise(core.Promise)               {}
