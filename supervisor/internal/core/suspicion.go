// SPDX-License-Identifier: Apache-2.0

package core

// A leader is suspected on evidence of both layers: its PostgreSQL neither delivers WAL nor answers, and its supervisor is
// silent or says that its PostgreSQL is gone. A false alarm costs a blip, never data; so it may be raised early.

// heard is what the leader's supervisor said last in this epoch; zero when it has not been heard.
func (f *facts) heard() Heard {
	for _, h := range f.o.Heard {
		if h.Name == f.leader.Holder && h.Beat.Epoch == f.view.Epoch.Value.Epoch && h.At != 0 {
			return h
		}
	}
	return Heard{}
}

// silence is how long the leader's supervisor has said nothing, by heartbeat or in the DCS, and how long it may. Where
// heartbeats never arrived, renewals alone must do.
func (f *facts) silence() (since Instant, patience Span) {
	h := f.heard()
	if h.At == 0 {
		return f.s.LeaderSeen.At, max(f.p.TTL, f.leader.TTL)
	}
	return max(h.At, f.s.LeaderSeen.At), f.p.SuspectAfter
}

func (f *facts) supervisorSilent() bool {
	since, patience := f.silence()
	return f.o.Now.Sub(since) >= patience
}

// delivering: WAL, or a sign of life, came from the leader's PostgreSQL a moment ago.
func (f *facts) delivering() bool {
	return streaming(&f.pg) && f.pg.Upstream == f.leader.Holder && f.o.Now.Sub(f.pg.At.Add(-f.pg.Receiver.Silence)) < f.p.SuspectAfter
}

// unanswered is how long the leader's PostgreSQL has been asked in vain whether it is there; 0 when it has not been asked.
func (f *facts) unanswered() Span {
	pr := f.o.Probe
	if pr.Name != f.leader.Holder || pr.Since == 0 {
		return 0
	}
	return f.o.Now.Sub(max(pr.Since, pr.AnsweredAt))
}

// suspected: there is ground to replace the leader without waiting for its time to be over.
func (f *facts) suspected() bool {
	switch {
	case !quorate(f.o.View) || !f.view.Leader.Exists() || f.leader.Released || f.leader.Holder == f.p.Self.Name:
		return false
	case paused.holds(f) && f.op.Kind != Failover:
		return false
	case reborn(f.o.View):
		return true
	case f.delivering():
		return false
	}
	expired := f.o.Now >= expiry(f.s, f.leader, f.p)
	silent := f.supervisorSilent()
	dead := f.unanswered() >= f.p.ProbeGrace()
	return silent && expired || dead && (silent || f.heard().Beat.Gone || f.unanswered() >= f.p.TTL)
}

// leaderBack: a leader that was voted against is there after all, supervisor and PostgreSQL.
func (f *facts) leaderBack() bool {
	if !f.view.Leader.Exists() || f.leader.Released || f.o.Now.Sub(f.s.VotedAt) < Second {
		return false
	}
	h := f.heard()
	speaks := f.o.Now.Sub(h.At) < f.p.SuspectAfter && h.At != 0 && h.Beat.Open || f.o.Now.Sub(f.s.LeaderSeen.At) < f.p.TTL/2
	pr := f.o.Probe
	return speaks && pr.Name == f.leader.Holder && pr.AnsweredAt != 0 && f.o.Now.Sub(pr.AnsweredAt) < f.p.SuspectAfter
}

// ProbeOf tells whose PostgreSQL is to be asked, again and again, whether it is there; nil for nobody. s is the state that
// Decide returned for o.
func ProbeOf(s State, o Observation, p Policy) *Peer {
	f := gather(s, o, p)
	if !quorate(o.View) || !f.view.Leader.Exists() || f.leader.Released || f.leader.Holder == p.Self.Name {
		return nil
	}
	since, patience := f.silence()
	if f.voted() || pgStandby.holds(f) && !streaming(&f.pg) || o.Now.Sub(since) >= patience/3 {
		return f.upstream()
	}
	return nil
}
