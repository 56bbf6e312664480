// SPDX-License-Identifier: Apache-2.0

package api

import (
	"net/http"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
)

// document answers with what f makes of the latest view.
func (s *Server) document(w http.ResponseWriter, f func(*view) any) {
	v := s.current()
	if v == nil {
		notYet(w)
		return
	}
	writeJSON(w, http.StatusOK, f(v))
}

func (s *Server) v1Status(w http.ResponseWriter, _ *http.Request) {
	s.document(w, func(v *view) any { return v.status(s.config.Now()) })
}

func (s *Server) v1Why(w http.ResponseWriter, _ *http.Request) {
	s.document(w, func(v *view) any { return v.why() })
}

func (s *Server) v1Operation(w http.ResponseWriter, _ *http.Request) {
	s.document(w, func(v *view) any { return OperationStatus{Version, v.operation()} })
}

func (s *Server) v1History(w http.ResponseWriter, _ *http.Request) {
	s.document(w, func(v *view) any { return v.leaderships() })
}

func (s *Server) v1Rules(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, RuleTable())
}

func (v *view) leaderships() HistoryList {
	list := HistoryList{APIVersion: Version, History: []Leadership{}}
	if v.View == nil {
		return list
	}
	for _, h := range v.View.History {
		h := h.Value
		list.History = append(list.History, Leadership{
			Epoch: h.Epoch, Leader: h.Leader, Timeline: h.Timeline, SwitchLSN: h.SwitchLSN.String(),
			Lineage: h.Lineage, Rule: string(h.Rule), Reason: h.Reason, At: wallClock(h.At),
		})
	}
	return list
}

// RuleTable is the rule table of this binary; it needs no supervisor.
func RuleTable() Rules {
	rules := Rules{APIVersion: Version}
	for _, s := range core.Table() {
		section := Section{Name: s.Name, Enter: list(s.Enter), Rules: []Rule{}}
		for _, r := range s.Rules {
			section.Rules = append(section.Rules, Rule{string(r.ID), list(r.When), words(r.Emits), r.Why})
		}
		rules.Sections = append(rules.Sections, section)
	}
	return rules
}

// list makes an empty list of nil, so that JSON has [] and never null.
func list(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}
