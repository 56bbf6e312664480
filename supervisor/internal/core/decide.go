// SPDX-License-Identifier: Apache-2.0

package core

import "slices"

// Decide is total and deterministic: equal inputs give equal outputs, for every input. It returns what to remember,
// what to do now and why. The caller stores the state's Durable part before it executes the plan.
func Decide(s State, o Observation, p Policy) (State, Plan, Reason) {
	s = advance(s, o, p)
	f := gather(s, o, p)
	sec, r := match(rules, f)
	plan := r.then(f)
	if s.Claim.Done {
		plan = append(plan, f.closeReinit()...)
		plan = append(plan, f.epilogue(plan)...)
		plan = append(plan, f.promise()...)
	}
	return s.intend(plan, r, f), plan, explain(sec, r, f)
}

// intend notes what the plan is about to bring about, before it is executed.
func (s State) intend(plan Plan, r rule, f *facts) State {
	for _, a := range plan {
		if a.Routes != nil {
			s.Routed, s.RoutedAt = a.Routes, f.o.Now
		}
		switch a.Kind {
		case ActApply:
			s.Applied = f.applyKey()
			if pgPrimary.holds(f) {
				s.Told = a.Sync
			}
		case ActPromote:
			s.Told, s.Base = a.Sync, a.Sync // settled before it opens
			s.Writable, s.Promoted, s.PromotedPID = true, a.Epoch, f.pg.PostmasterPID
			s.Switch = f.position()
		case ActRewind:
			s.Whole = s.Whole || !s.Lacking
			s.Lacking, s.Detached = true, 0
		case ActClone:
			s.Whole, s.Lacking, s.Detached = false, true, 0
		case ActFollow, ActStart:
			s.Detached = 0
		case ActHoldBack:
			s.HeldBack = a.Operation
		case ActLetGo:
			s.HeldBack = ""
		case ActPromise:
			s = s.promising(*a.Promise, f)
		case ActCommit:
			s = s.intendCommit(a.Commit)
			switch l := a.Commit.Leader(); {
			case l == nil:
			case l.Released:
				s.GivenUp = l.Epoch
			case l.Renewal == 1:
				s.TakenBy, s.TakenWhy = r.id, r.why
				if pgPrimary.holds(f) {
					s.Promoted = l.Epoch // it is open already: the epoch has no other timeline
				}
			}
		}
	}
	if r.climbs {
		s.Ladder = s.Ladder.climb()
	}
	return s
}

// intendCommit notes what may be true of the DCS from now on.
func (s State) intendCommit(c *Commit) State {
	if k := c.Cohort(); k != nil && k.Epoch == s.Hold.Epoch {
		s.Sent = *k
	}
	for _, w := range c.Writes {
		switch r := w.Record.(type) {
		case Ballot:
			if !r.Withdrawn {
				s.Voted, s.VotedRev = r.Epoch, c.rev(KeyBallot(r.Name))
			}
		case Member:
			s.Beat = r.Beat
		}
	}
	return s
}

// promising notes a promise about to be given.
func (s State) promising(p Promise, f *facts) State {
	s.Answered = Answered{p.Epoch, p.SentAt}
	until := f.o.Now.Add(p.For.longer(f.p.DriftPPM))
	if s.Promised.Epoch == p.Epoch {
		until = max(until, s.Promised.Until)
	}
	s.Promised = Promised{p.Epoch, until}
	return s
}

// climb goes from following to rewinding, and to a fresh copy when rewinding was done and did not help.
func (l Ladder) climb() Ladder {
	switch {
	case l.Rung != RungFollow:
	case l.Rewound:
		l.Rung = RungClone
	default:
		l.Rung = RungRewind
	}
	return l
}

// closeReinit ends the operation once the copy it asked for is complete, or cannot come about any more.
func (f *facts) closeReinit() Plan {
	if f.op.Kind != Reinit || !viewFresh.holds(f) || !viewOwn.holds(f) {
		return nil
	}
	own, leads := f.op.To == f.p.Self.Name, f.holding() && pgPrimary.holds(f)
	switch {
	case own && f.s.Operation.Recloned:
		return Plan{f.endOperation(Done, "copied afresh from "+f.leader.Holder)}
	case own && leads:
		return Plan{f.endOperation(Failed, f.op.To+" leads now; it cannot be copied from itself")}
	case leads && !f.alive(f.op.To) && f.o.Now.Sub(f.s.Operation.At) >= f.p.OperationTimeout():
		return Plan{f.endOperation(Failed, "the supervisor of "+f.op.To+" is silent")}
	}
	return nil
}

// Withheld is a plan without what must not happen before the state that came with it is stored: for the shell when it could not
// be. o is the observation the plan was decided on.
func Withheld(plan Plan, o Observation) Plan {
	return slices.DeleteFunc(slices.Clone(plan), func(a Action) bool {
		switch a.Kind {
		case ActPromote, ActPromise, ActApply, ActClone, ActRewind:
			return true
		case ActCommit:
			p := a.Commit.Purpose
			return p == CommitBallot || p == CommitCohort || p == CommitMember && !o.Unstored
		}
		return false
	})
}

// Reason is why a plan is what it is.
type Reason struct {
	Rule     RuleID `json:"rule"`
	Section  string `json:"section"`
	Sentence string `json:"sentence"`
	// Conditions are those that were asked on the way to the rule, in order, with their values.
	Conditions []ConditionValue `json:"conditions"`
}

// ConditionValue is a named condition and whether it held.
type ConditionValue struct {
	Name  string `json:"name"`
	Holds bool   `json:"holds"`
}

// explain lists what was asked until the rule matched.
func explain(sec section, matched rule, f *facts) Reason {
	out := Reason{Rule: matched.id, Section: sec.name, Sentence: matched.why}
	seen := map[string]bool{}
	ask := func(ls []literal) {
		for _, l := range ls {
			if !seen[l.name] {
				seen[l.name] = true
				out.Conditions = append(out.Conditions, ConditionValue{l.name, l.holds(f)})
			}
		}
	}
	ask(sec.enter)
	for _, r := range sec.rules {
		ask(r.when)
		if r.id == matched.id {
			break
		}
	}
	return out
}

// Live tells whether a leadership is in force by this node's clock, for those who show it.
func Live(s State, o Observation, p Policy) bool { return leaderLive(s, o, p) }

// Stale names the members whose records have not changed for a member TTL, in the order of the state.
func Stale(s State, now Instant, p Policy) []string {
	var out []string
	for _, m := range s.Members {
		if now.Sub(m.At) >= p.MemberTTL() {
			out = append(out, m.Name)
		}
	}
	return out
}
