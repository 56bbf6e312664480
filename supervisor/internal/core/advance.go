// SPDX-License-Identifier: Apache-2.0

package core

import (
	"slices"
	"strings"
)

// advance takes what the observation proves into the state. It decides nothing.
func advance(s State, o Observation, p Policy) State {
	s.Retries = slices.Clone(s.Retries)
	if s.Awake == 0 {
		s.Awake = o.Now
	}
	for _, f := range o.Finished {
		s = s.finished(f, p)
	}
	for _, c := range o.Committed {
		s = s.committed(c, p)
	}
	s = s.observedPostgres(o)
	if o.View != nil {
		s = s.observedView(o, p)
	}
	return s.observedLadder(o, p).observedComplete(o, p).observedCohort(o, p).observedTTL(o, p)
}

// finished notes the end of a job.
func (s State) finished(f Finished, p Policy) State {
	s.LastJobEnd = max(s.LastJobEnd, f.At)
	if f.Outcome == OutcomeDone {
		s.Retries = slices.DeleteFunc(s.Retries, func(r Retry) bool { return r.Kind == f.Kind })
		return s.succeeded(f)
	}
	r := s.retry(f.Kind)
	r.Failures++
	r.Message = f.Message
	r.NotBefore = f.At.Add(backoff(r.Failures))
	if f.Kind == ActApply {
		s.Applied = ""
	}
	s.Retries = append(slices.DeleteFunc(s.Retries, func(r Retry) bool { return r.Kind == f.Kind }), r)
	slices.SortFunc(s.Retries, func(a, b Retry) int { return strings.Compare(string(a.Kind), string(b.Kind)) })
	if f.Kind == ActRewind {
		s.Whole = s.Whole && f.Outcome == OutcomeRefused && !f.Hopeless
		s.Lacking = s.Lacking && !s.Whole
	}
	switch {
	case f.Kind == ActRewind && (f.Hopeless || r.Failures >= 5):
		s.Ladder.Rung, s.Ladder.Since = RungClone, f.At
	case f.Kind == ActStart && f.Hopeless:
		s.Ladder = s.Ladder.climb()
		s.Ladder.Since = f.At
	}
	return s
}

// succeeded notes what a job that was done brought about.
func (s State) succeeded(f Finished) State {
	s.Ladder.Since = f.At
	switch f.Kind {
	case ActRewind:
		s.Ladder.Rung, s.Ladder.Rewound, s.Whole = RungFollow, true, false
	case ActClone:
		s.Ladder.Rung, s.Ladder.Rewound = RungFollow, true
		s.Operation.Recloned = true
		s.WalEpoch = 0
	case ActDetach:
		s.Detached = f.Epoch
	case ActPromote:
		s.WalEpoch = f.Epoch
		s.Lacking, s.Owed = false, Position{}
	case ActCheckpoint:
		s.Operation.Checkpointed = true
	case ActStart, ActStop, ActBootstrap:
		s.Applied = ""
	}
	return s
}

// backoff after n failures: 0.5 s doubling to 30 s.
func backoff(n int) Span { return min(500*Millisecond<<min(n-1, 10), 30*Second) }

// retry returns the back-off of a kind; zero when it never failed.
func (s State) retry(k ActionKind) Retry {
	for _, r := range s.Retries {
		if r.Kind == k {
			return r
		}
	}
	return Retry{Kind: k}
}

// committed notes the end of a commit.
func (s State) committed(c Committed, p Policy) State {
	s.LastCommit = max(s.LastCommit, c.Revision)
	if c.Cohort != nil {
		s = s.wroteCohort(c)
	}
	if c.Leader == nil {
		return s
	}
	if c.Outcome == OutcomeDone {
		return s.wroteLeader(*c.Leader, c, p)
	}
	// An unknown outcome proves nothing. Nor does a conflict say whose write came before: another leader's, or one of our
	// own, or of our former process, whose answer was lost. The next picture tells; until then the deadline stands.
	return s
}

// wroteLeader notes that this node's leader record is in the DCS.
func (s State) wroteLeader(l Leader, c Committed, p Policy) State {
	if l.Released {
		s.Hold = Hold{}
		return s
	}
	epochRev := c.Revision
	if l.Epoch == s.Hold.Epoch {
		epochRev = s.Hold.EpochRev
	} else {
		s.LedSince = l.SentAt
	}
	s.Hold = newHold(l, epochRev, c.Revision, p)
	return s
}

// newHold is the leadership that a leader record of this node's proves.
func newHold(l Leader, epochRev, leaderRev Revision, p Policy) Hold {
	return Hold{
		Epoch: l.Epoch, EpochRev: epochRev, LeaderRev: leaderRev, Record: l, RenewedAt: l.SentAt,
		Deadline: l.SentAt.Add(l.TTL.shorter(p.DriftPPM)), Indefinite: l.Paused,
	}
}

// observedPostgres notes what is proven about the local instance.
func (s State) observedPostgres(o Observation) State {
	s.Writable = s.Writable || s.PromotedPID != 0 // also of a process before this one
	pg := o.Postgres
	if pg == nil {
		return s
	}
	if pg.Status != StatusHung {
		s.HungSince = 0
	} else if s.HungSince == 0 {
		s.HungSince = o.Now
	}
	switch down := pg.Status == StatusStopped || pg.Status == StatusCrashed; {
	case !down || pg.Empty:
		s.LeftoversSince = 0
	case s.LeftoversSince == 0:
		s.LeftoversSince = o.Now
	}
	if pg.LSN != 0 || !pg.Empty {
		s.EndlessSince = 0
	} else if s.EndlessSince == 0 {
		s.EndlessSince = o.Now
	}
	promoting := o.Job != nil && o.Job.Kind == ActPromote
	switch {
	case pg.Status == StatusRunning && pg.Role == RolePrimary:
		s.Writable = true
		if s.Hold.Epoch != 0 {
			s.WalEpoch = s.Hold.Epoch
			s.Promoted = s.Hold.Epoch // also one that was open when the leadership was taken
		}
	case promoting || pg.At < s.LastJobEnd:
	case pg.Empty, pg.Status == StatusAbsent, pg.Role == RoleStandby && pg.PostmasterPID != s.PromotedPID:
		s.Writable, s.PromotedPID = false, 0
	}
	return s
}

// observedView notes what the picture of the DCS proves.
func (s State) observedView(o Observation, p Policy) State {
	v := o.View
	if v.Leader.Rev != s.LeaderSeen.Rev || s.LeaderSeen.At == 0 {
		s.LeaderMoved = s.LeaderSeen.At != 0
		s.LeaderSeen = Seen{Rev: v.Leader.Rev, At: v.SeenAt}
	}
	s.Members = seenMembers(s.Members, v, p)
	s = s.observedHold(v, p)
	s = s.observedResume(o, p)
	s = s.observedOwn(v, p)
	s = s.observedClaim(v, p)
	if v.Identity.Exists() && o.Postgres != nil && o.Postgres.SystemID == v.Identity.Value.SystemID {
		s.SystemID = v.Identity.Value.SystemID
	}
	s = s.observedOperation(o)
	return s.observedRace(o, p)
}

// seenMembers carries over since when each record has been as it is.
func seenMembers(old []MemberSeen, v *View, p Policy) []MemberSeen {
	seen := make([]MemberSeen, 0, len(v.Members))
	for _, m := range v.Members {
		i := slices.IndexFunc(old, func(x MemberSeen) bool { return x.Name == m.Value.Name })
		if i >= 0 && old[i].Rev == m.Rev {
			seen = append(seen, old[i])
			continue
		}
		x := MemberSeen{Name: m.Value.Name, Seen: Seen{Rev: m.Rev, At: v.SeenAt}}
		if p.Routers {
			x.Leader = v.Leader.Value.LSN
		}
		seen = append(seen, x)
	}
	return seen
}

// observedHold compares the leader record with the leadership this node believes in.
func (s State) observedHold(v *View, p Policy) State {
	if v.Revision < max(s.Hold.LeaderRev, s.LastCommit) {
		return s // the picture is older than our own last write
	}
	l := v.Leader.Value
	ours := v.Leader.Exists() && l.Holder == p.Self.Name && l.Token == p.Self.Token &&
		v.Epoch.Value.Epoch == l.Epoch && !l.Released
	switch {
	case !ours:
		s.Hold = Hold{}
	case v.Leader.Rev == s.Hold.LeaderRev:
	default:
		// Ours, but not the write we know of: one whose answer is on its way or was lost, or of our former process. The
		// record itself tells when it was sent.
		s.Hold = newHold(l, v.Epoch.Rev, v.Leader.Rev, p)
	}
	return s
}

// observedResume makes an indefinite leadership finite on our own side as soon as the cluster is resumed, before
// the record says so: so that the deadman is armed before anybody may count down.
func (s State) observedResume(o Observation, p Policy) State {
	if s.Hold.Indefinite && !o.View.Config.Value.Paused {
		s.Hold.Indefinite = false
		s.Hold.Deadline = o.Now.Add(s.Hold.Record.TTL.shorter(p.DriftPPM))
	}
	return s
}

// observedTTL counts a shorter TTL on our own side as soon as it comes in force, before the record says it. How long a renewal that
// was sent and not answered lets others wait is not known.
func (s State) observedTTL(o Observation, p Policy) State {
	if h := s.Hold; h.Epoch != 0 && !h.Indefinite && p.TTL < h.Record.TTL {
		s.Hold.Deadline = min(h.Deadline, o.Now.Add(p.TTL.shorter(p.DriftPPM)))
	}
	return s
}

// observedClaim decides whose name it is: the record is absent, ours, of our former life (same state directory,
// which is locked), or silent for a TTL; or somebody else keeps writing it.
func (s State) observedClaim(v *View, p Policy) State {
	m := v.Member(p.Self.Name)
	foreign := m.Exists() && m.Value.Token != p.Self.Token && m.Value.Instance != p.Self.Instance
	switch {
	case s.Claim.Done && foreign && m.Rev != s.Claim.Rev && v.Revision >= s.LastCommit:
		s.Claim = Claim{Duplicate: true, Rev: m.Rev, Since: v.SeenAt}
	case s.Claim.Done || s.Claim.Duplicate:
	case !foreign:
		s.Claim = Claim{Done: true}
	case s.Claim.Since == 0:
		s.Claim = Claim{Rev: m.Rev, Since: v.SeenAt}
	case m.Rev != s.Claim.Rev:
		s.Claim.Duplicate = true
	case v.SeenAt.Sub(s.Claim.Since) >= p.TTL.longer(p.DriftPPM):
		// The silent record stays until ours replaces it; only another one is a sign of life.
		s.Claim.Done = true
	}
	return s
}

// observedOperation notes when a pending operation was first met.
func (s State) observedOperation(o Observation) State {
	op := o.View.Operation.Value
	switch {
	case op.State != Pending:
		s.Operation = OperationSeen{}
	case op.ID != s.Operation.ID:
		s.Operation = OperationSeen{ID: op.ID, At: o.Now}
	}
	return s
}

// observedRace notes since when there has been no leader.
func (s State) observedRace(o Observation, p Policy) State {
	epoch := o.View.Epoch.Value.Epoch
	switch {
	case leaderLive(s, o, p):
		s.RaceSince, s.RaceEpoch = 0, 0
	case s.RaceSince == 0 || s.RaceEpoch != epoch:
		s.RaceSince, s.RaceEpoch = o.Now, epoch
	}
	return s
}

// leaderLive tells whether the leadership in the view is in force by this node's clock: not released, and its
// record changed within the last TTL, or it does not expire.
func leaderLive(s State, o Observation, p Policy) bool {
	if o.View == nil || !o.View.Leader.Exists() || o.View.Leader.Value.Released {
		return false
	}
	l := o.View.Leader.Value
	return o.Now < expiry(s, l, p) || l.Paused && !overruled(s, o, p) && !reborn(o.View)
}

// reborn: the holder's host was started anew since, and says that no PostgreSQL is open there. A leadership that time
// does not end has ended with that boot.
func reborn(v *View) bool {
	m := v.Member(v.Leader.Value.Holder).Value
	if m.Token == v.Leader.Value.Token {
		return false
	}
	return m.Status == StatusStopped || m.Status == StatusCrashed || m.Status == StatusAbsent || m.Status == StatusRunning && m.Role == RoleStandby
}

// overruled: an operator asked for a failover while the holder that does not expire is silent. It is the operator who
// vouches that the holder's PostgreSQL is not writable any more.
func overruled(s State, o Observation, p Policy) bool {
	op := o.View.Operation.Value
	return op.State == Pending && op.Kind == Failover && slices.Contains(Stale(s, o.Now, p), o.View.Leader.Value.Holder)
}

// expiry is when, on our clock, the holder's own deadline has passed for sure: the record was first seen as it
// is after it was written, and it was written after the instant the holder counts from.
func expiry(s State, l Leader, p Policy) Instant {
	return s.LeaderSeen.At.Add(l.TTL.longer(p.DriftPPM))
}

// observedLadder notes how a standby gets on with following its leader.
func (s State) observedLadder(o Observation, p Policy) State {
	if o.View == nil {
		return s
	}
	if e := o.View.Epoch.Value.Epoch; e != s.Ladder.Epoch {
		s.Ladder = Ladder{Epoch: e, Since: o.Now}
		s.Applied = ""
	}
	pg := o.Postgres
	if o.Job != nil || pg == nil || pg.Status != StatusRunning || !leaderOpen(s, o, p) {
		s.Ladder.Since = o.Now
		return s
	}
	// A receiver that connects and fails again and again looks like streaming; WAL on the leader's own timeline is proof.
	if streaming(pg) && pg.Upstream == o.View.Leader.Value.Holder && pg.Timeline >= o.View.Epoch.Value.Timeline {
		s.Ladder = Ladder{Epoch: s.Ladder.Epoch, Since: o.Now}
		s.WalEpoch = o.View.Epoch.Value.Epoch
		if end := pg.Receiver.End; end != 0 && pg.LSN >= end && !(Position{pg.Timeline, pg.LSN}).before(s.Owed) {
			s.Lacking, s.Owed = false, Position{} // all that the leader had since this server was started is here
		}
	}
	return s
}

// streaming tells whether WAL is arriving.
func streaming(pg *Postgres) bool {
	return pg.Role == RoleStandby && pg.Receiver != nil && pg.Receiver.Status == "streaming"
}

// leaderOpen tells whether the leader says of itself, and said so lately, that it is open for writes in this epoch.
func leaderOpen(s State, o Observation, p Policy) bool {
	if o.View == nil || !s.LeaderMoved {
		return false
	}
	l := o.View.Leader
	m := o.View.Member(l.Value.Holder).Value
	return l.Exists() && !l.Value.Released && m.Role == RolePrimary && m.Status == StatusRunning &&
		m.WalEpoch == l.Value.Epoch && !slices.Contains(Stale(s, o.Now, p), m.Name)
}
