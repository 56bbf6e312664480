// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
	"github.com/pgvigil/pgvigil/supervisor/internal/status"
)

// statusLine is what `systemctl status` shows. A change of the standing or the trouble is news; numbers move all the time.
type statusLine struct{ standing, numbers, trouble string }

func (l statusLine) sameNews(o statusLine) bool {
	return l.standing == o.standing && l.trouble == o.trouble
}

// String joins the parts that there are.
func (l statusLine) String() string {
	return strings.Join(slices.DeleteFunc([]string{l.standing, l.numbers, l.trouble}, func(s string) bool { return s == "" }), ", ")
}

// wellRules are those under which there is nothing to tell: an open leader, and a standby that streams.
func wellRules() []core.RuleID { return []core.RuleID{"P-100", "S-210"} }

func describe(s *status.Snapshot) statusLine {
	return statusLine{standing(s), numbers(s), trouble(s)}
}

// standing is role, epoch, and who acknowledges a leader's commits.
func standing(s *status.Snapshot) string {
	text := role(s)
	if s.View == nil {
		return text
	}
	text += fmt.Sprintf(", epoch %d", s.View.Epoch.Value.Epoch)
	if c := s.Cohort(); s.Leads() && c.K > 0 {
		others := slices.DeleteFunc(slices.Clone(c.Members), func(name string) bool { return name == s.Name })
		text += fmt.Sprintf(", any %d of %s acknowledge", c.K, strings.Join(others, " "))
	}
	if s.View.Config.Value.Paused {
		text += ", paused"
	}
	return text
}

func role(s *status.Snapshot) string {
	pg := s.Postgres
	switch {
	case pg == nil:
		return "PostgreSQL not known yet"
	case s.Leads():
		return "leader"
	case pg.Status == core.StatusRunning && pg.Role == core.RolePrimary:
		return "primary, not leading"
	case pg.Status == core.StatusRunning && s.LeaderLive:
		return "standby of " + s.View.Leader.Value.Holder
	case pg.Status == core.StatusRunning:
		return "standby"
	}
	return "PostgreSQL " + string(pg.Status)
}

// numbers are a leader's time left and a standby's lag.
func numbers(s *status.Snapshot) string {
	switch end := s.LeaderEnd(); {
	case s.Leads() && !s.Hold.Indefinite:
		return fmt.Sprintf("%.1f s of the lease left", float64(s.Hold.Deadline.Sub(s.At))/float64(core.Second))
	case s.Postgres != nil && s.Postgres.Status == core.StatusRunning && s.Postgres.Role == core.RoleStandby && end != 0:
		return fmt.Sprintf("lag %d kB", (max(end, s.Postgres.Replayed)-s.Postgres.Replayed+1023)/1024)
	}
	return ""
}

// trouble is what keeps this member from being well: the rule it follows, work under way, plugins that are down, a watchdog that it
// must have.
func trouble(s *status.Snapshot) string {
	var words []string
	if !slices.Contains(wellRules(), s.Reason.Rule) {
		words = append(words, fmt.Sprintf("%s: %s", s.Reason.Rule, strings.TrimSuffix(s.Reason.Sentence, ".")))
	}
	if s.Job != nil {
		words = append(words, fmt.Sprintf("%s under way", s.Job.Kind))
	}
	for _, p := range s.Plugins {
		if !p.Up {
			words = append(words, fmt.Sprintf("plugin %s is down", p.Name))
		}
	}
	if s.Watchdog.Failed {
		words = append(words, s.Watchdog.Message)
	}
	return strings.Join(words, "; ")
}
