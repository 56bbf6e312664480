// SPDX-License-Identifier: Apache-2.0

package core

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Ensure rule ids are well formed, ascending within a section and never used twice, and that every
// rule has a sentence.
func TestRuleIDs(t *testing.T) {
	form := regexp.MustCompile(`^[A-Z]-\d\d\d$`)
	seen := map[RuleID]bool{}
	for _, s := range table() {
		last := RuleID("")
		for _, r := range s.rules {
			if !form.MatchString(string(r.id)) || seen[r.id] || r.id <= last {
				t.Errorf("section %s: id %s is malformed, repeated or out of order", s.name, r.id)
			}
			seen[r.id], last = true, r.id
			if !strings.HasSuffix(r.why, ".") {
				t.Errorf("%s: %q is no sentence", r.id, r.why)
			}
		}
	}
}

// Ensure every situation has a rule: the last section, and the last rule of each, have no conditions.
func TestTotal(t *testing.T) {
	sections := table()
	if n := len(sections[len(sections)-1].enter); n != 0 {
		t.Errorf("the last section has %d conditions", n)
	}
	for _, s := range sections {
		if n := len(s.rules[len(s.rules)-1].when); n != 0 {
			t.Errorf("section %s: the last rule has %d conditions", s.name, n)
		}
	}
}

// Ensure no rule is shadowed: for every rule there is a truth assignment of its section's conditions under which it
// is the first to match. Exhaustive over the conditions a rule and its predecessors share.
func TestNoShadowedRule(t *testing.T) {
	for _, s := range table() {
		for i, r := range s.rules {
			if !reachable(s.rules[:i], map[string]bool{}, r.when) {
				t.Errorf("section %s: %s can never apply", s.name, r.id)
			}
		}
	}
}

// reachable searches an assignment under which all of want holds and no predecessor does.
func reachable(before []rule, assigned map[string]bool, want []literal) bool {
	for _, l := range want {
		if v, ok := assigned[l.name]; ok && v == l.negated {
			return false
		}
		assigned[l.name] = !l.negated
	}
	return falsifiable(before, assigned)
}

// falsifiable searches, rule by rule, a literal to make false.
func falsifiable(rules []rule, assigned map[string]bool) bool {
	if len(rules) == 0 {
		return true
	}
	for _, l := range rules[0].when {
		v, ok := assigned[l.name]
		switch {
		case ok && v == l.negated: // false already
			return falsifiable(rules[1:], assigned)
		case !ok:
			assigned[l.name] = l.negated
			if falsifiable(rules[1:], assigned) {
				return true
			}
			delete(assigned, l.name)
		}
	}
	return false
}

// Ensure the only rules that may open PostgreSQL for writes belong to the holder, and ask for the deadman first.
func TestPromotionOnlyUnderLeadership(t *testing.T) {
	for _, s := range table() {
		for _, r := range s.rules {
			if !slices.Contains(r.emits, ActPromote) {
				continue
			}
			if s.name != "holder" {
				t.Errorf("%s promotes outside the holder's section", r.id)
			}
		}
	}
	before := func(id RuleID) []literal {
		var ls []literal
		for _, r := range holderRules().rules {
			if r.id == id {
				return ls
			}
			ls = append(ls, r.when...)
		}
		t.Fatalf("no rule %s", id)
		return nil
	}
	if !slices.ContainsFunc(before(promotingRule(t)), func(l literal) bool { return l.name == armed.name && l.negated }) {
		t.Error("the promotion is not behind a rule that waits for the deadman")
	}
}

// promotingRule is the first rule that promotes a PostgreSQL not promoted before.
func promotingRule(t *testing.T) RuleID {
	t.Helper()
	for _, r := range holderRules().rules {
		fresh := !slices.ContainsFunc(r.when, func(l literal) bool { return l.name == writable.name && !l.negated })
		if fresh && slices.Contains(r.emits, ActPromote) {
			return r.id
		}
	}
	t.Fatal("no rule promotes")
	return ""
}

// Ensure every kind of action is emitted by some rule or duty, so that none is dead.
func TestEveryActionHasARule(t *testing.T) {
	emitted := map[ActionKind]bool{ActRoute: true} // a duty
	for _, s := range table() {
		for _, r := range s.rules {
			for _, k := range r.emits {
				emitted[k] = true
			}
		}
	}
	for _, k := range PostgresActions() {
		if !emitted[k] {
			t.Errorf("no rule emits %s", k)
		}
	}
}
