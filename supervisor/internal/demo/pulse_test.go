// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"testing"
	"time"
)

func TestPulse(t *testing.T) {
	var p pulse
	at, count := noon, 0
	for _, writes := range []int{0, 100, 100, 50, 0, 1, 100} {
		at, count = at.Add(every), count+writes
		p.add(at, count)
	}
	if got := p.line(8); got != "  ██▄ ▁█" {
		t.Errorf("line: %q", got)
	}
	if got := p.rate(); got != 151 {
		t.Errorf("rate: %v, want that of the last second", got)
	}
	if got := p.line(3); got != " ▁█" {
		t.Errorf("narrow line: %q", got)
	}
}

func TestPulseForgets(t *testing.T) {
	var p pulse
	for i := range 2 * pulseKept {
		p.add(noon.Add(time.Duration(i)*every), i)
	}
	if len(p.rates) != pulseKept {
		t.Errorf("%d rates kept", len(p.rates))
	}
}

func TestNotable(t *testing.T) {
	after := func(ms int, rule string, plan ...string) decision {
		return decision{at: noon.Add(time.Duration(ms) * time.Millisecond), rule: rule, plan: plan}
	}
	got := ""
	for _, d := range notable([]decision{
		after(0, "A"), after(1000, "B", "commit"), after(1050, "C", "stop"), after(1060, "D"), after(1100, "C", "stop"),
		after(1200, "E"), after(1250, "F", "commit"),
	}) {
		got += d.rule
	}
	if got != "ACF" {
		t.Errorf("kept %s: what only passes, and what repeats, is not worth telling", got)
	}
}

func TestNewestOfAllNodes(t *testing.T) {
	got := newest([]decision{{at: noon.Add(3), node: "a"}, {at: noon, node: "a"}, {at: noon.Add(2), node: "b"}}, 2)
	if len(got) != 2 || got[0].node != "b" || got[1].node != "a" {
		t.Errorf("newest: %v", got)
	}
}
