// SPDX-License-Identifier: Apache-2.0

package core

// RuleID names a rule for ever: spaced by ten, never reused.
type RuleID string

// rule is one row of the table: if all of when holds, do then.
type rule struct {
	id   RuleID
	when []literal
	then func(*facts) Plan
	// emits lists what then may do, beyond the duties every plan ends with.
	emits []ActionKind
	// why is the sentence an operator reads.
	why string
	// climbs says that the standby leaves its rung of the ladder.
	climbs bool
}

func row(id RuleID, when []literal, then func(*facts) Plan, emits []ActionKind, why string) rule {
	return rule{id: id, when: when, then: then, emits: emits, why: why}
}

// climbing marks a rule by which a standby leaves its rung of the ladder.
func climbing(r rule) rule {
	r.climbs = true
	return r
}

// section is the part of the table for one situation. The last rule of a section has no conditions.
type section struct {
	name  string
	enter []literal
	rules []rule
}

// condition is a named fact about the world.
type condition struct {
	name  string
	holds func(*facts) bool
}

// literal is a condition or its negation.
type literal struct {
	*condition
	negated bool
}

func is(c *condition) literal  { return literal{condition: c} }
func not(c *condition) literal { return literal{condition: c, negated: true} }

// String prints the literal as the table shows it.
func (l literal) String() string {
	if l.negated {
		return "not " + l.name
	}
	return l.name
}

func (l literal) true(f *facts) bool { return l.holds(f) != l.negated }

func all(ls []literal, f *facts) bool {
	for _, l := range ls {
		if !l.true(f) {
			return false
		}
	}
	return true
}

// rules is the table, made once; nothing changes it.
var rules = table()

// table is the whole brain: the first section whose conditions hold, and in it the first rule.
func table() []section {
	return []section{fenceRules(), shutdownRules(), holderRules(), blindRules(), claimRules(), quorumRules(), vacantRules(), standbyRules()}
}

// match finds the section and rule that apply. Both always exist: the last of each has no conditions.
func match(t []section, f *facts) (section, rule) {
	for _, s := range t {
		if !all(s.enter, f) {
			continue
		}
		for _, r := range s.rules {
			if all(r.when, f) {
				return s, r
			}
		}
	}
	return section{}, rule{}
}
