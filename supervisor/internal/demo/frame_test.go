// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the frames of testdata anew")

// noon is when the frames are taken; the clock on them is the local one.
var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.Local)

func lag(n uint64) *uint64 { return &n }

// healthy is a cluster that nothing has happened to.
func healthy() snapshot {
	return snapshot{
		at: noon, epoch: 1, leader: "node1", acknowledged: 4211, gap: 12 * time.Millisecond, quiet: 3 * time.Millisecond,
		nodes: []nodeView{
			{name: "node1", etcd: true, supervisor: true, postgres: true, answers: true, role: "leader", state: "running", timeline: 2, lsn: "0/5059790"},
			{name: "node2", etcd: true, supervisor: true, postgres: true, answers: true, role: "replica", state: "streaming", timeline: 2, lsn: "0/5059790", lag: lag(0)},
			{name: "node3", etcd: true, supervisor: true, postgres: true, answers: true, role: "replica", state: "streaming", timeline: 2, lsn: "0/5050000", lag: lag(38800)},
		},
		decisions: []decision{
			{at: noon.Add(-3 * time.Second), node: "node1", rule: "P-100", sentence: "Leading: the primary is open, the leadership is renewed."},
			{at: noon.Add(-time.Second), node: "node3", rule: "S-210", sentence: "Following: WAL is streaming from the leader."},
		},
	}
}

// broken is the same one after its primary's node was killed, while another one copies the database.
func broken() snapshot {
	s := healthy()
	s.epoch, s.leader, s.quiet, s.gap, s.unknown = 2, "", 2345*time.Millisecond, 2345*time.Millisecond, 2
	s.nodes[0] = nodeView{name: "node1"}
	s.nodes[1].supervisor, s.nodes[1].answers = false, false
	s.nodes[2].job, s.nodes[2].lag = "clone 42%", nil
	s.violations = []string{"two primaries in epoch 2: node1, node2"}
	return s
}

// view makes a model that has seen snapshots, at a window size.
func view(width, height int, seen ...snapshot) *model {
	m := &model{title: "PostgreSQL 17.6 · three nodes on loopback · async · ttl 3s"}
	m.Update(tea.WindowSizeMsg{Width: width, Height: height})
	for _, s := range seen {
		m.Update(looked(s))
	}
	return m
}

// later is a snapshot a quarter of a second on, with more writes.
func later(s snapshot, writes int) snapshot {
	s.at, s.acknowledged = s.at.Add(every), s.acknowledged+writes
	return s
}

func TestFrames(t *testing.T) {
	first := healthy()
	second := later(first, 80)
	third := later(second, 20)
	frames := map[string]*model{
		"healthy":   view(80, 24, first, second, third, later(third, 75)),
		"broken":    view(80, 24, healthy(), broken()),
		"wide":      view(132, 40, first, second),
		"help":      view(80, 24, healthy()),
		"too-small": view(50, 10, healthy()),
		"smallest":  view(minWidth, minHeight, healthy()),
		"empty":     view(80, 24),
	}
	frames["help"].Update(tea.KeyPressMsg{Code: '?', Text: "?"})
	frames["broken"].said = []event{{noon, "killed everything of node1"}, {noon.Add(time.Second), "not done: node1 is down already"}}
	for name, m := range frames {
		t.Run(name, func(t *testing.T) { compare(t, name, m) })
	}
}

func compare(t *testing.T, name string, m *model) {
	t.Helper()
	frame := m.frame()
	lines := strings.Split(frame, "\n")
	if name != "too-small" && len(lines) != m.height {
		t.Errorf("%d lines in a window of %d", len(lines), m.height)
	}
	for i, line := range lines {
		if width := ansi.StringWidth(line); width > m.width {
			t.Errorf("line %d is %d wide in a window of %d: %q", i+1, width, m.width, line)
		}
		lines[i] = strings.TrimRight(ansi.Strip(line), " ")
	}
	got := strings.Join(lines, "\n") + "\n"
	path := filepath.Join("testdata", name+".txt")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("frame (-want +got):\n%s", diff)
	}
}
