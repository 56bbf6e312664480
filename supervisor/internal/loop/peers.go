// SPDX-License-Identifier: Apache-2.0

package loop

import "github.com/pgvigil/pgvigil/supervisor/internal/core"

// freshEvery is the time between two reports about PostgreSQL while core.Fresh wants them: what
// the stream of WAL is like decides then, and ordinary reports come too seldom.
const freshEvery = 200 * core.Millisecond

// tellPeers says what this tick has for the other supervisors, and returns when to turn again at the latest.
func (l *Loop) tellPeers(o core.Observation, next core.Instant) core.Instant {
	if o.View != nil {
		l.Peers.Meet(o.View.Members)
		l.Peers.Watch(watched(o.View, l.policy.Self.Name), l.policy.ProbeAfter())
	}
	if beat, speak := core.BeatOf(l.state, o, l.policy); speak {
		l.Peers.Tell(&beat)
	} else {
		l.Peers.Tell(nil)
	}
	l.Peers.Probe(core.ProbeOf(l.state, o, l.policy))
	if !core.Fresh(l.state, o, l.policy) {
		return next
	}
	if o.Now >= l.freshAt {
		l.freshAt = o.Now.Add(freshEvery)
		l.inbox.observeAgain()
	}
	return min(next, l.freshAt)
}

// watched is the leader of a cohort, unless it is this member; empty where nobody is to be watched.
func watched(v *core.View, self string) string {
	leader := v.Leader.Value
	if len(v.Cohort.Value.Members) == 0 || leader.Released || leader.Holder == self {
		return ""
	}
	return leader.Holder
}
