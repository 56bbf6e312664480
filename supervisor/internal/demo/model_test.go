// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"errors"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
)

func press(m *model, key string) tea.Cmd {
	_, cmd := m.Update(tea.KeyPressMsg{Code: rune(key[0]), Text: key})
	return cmd
}

func TestKeysActOnTheChosenNode(t *testing.T) {
	m := view(80, 24, healthy())
	var played []string
	m.perform = func(d deed, i int) (string, error) {
		played = append(played, d.key+m.snap.nodes[i].name)
		return "did " + d.key, nil
	}
	for _, key := range []string{"p", "3", "h", "9", "b", "x"} {
		if cmd := press(m, key); cmd != nil {
			m.Update(cmd())
		}
	}
	if got := strings.Join(played, " "); got != "pnode1 hnode3 bnode3" {
		t.Errorf("played: %s", got)
	}
	if len(m.said) != 3 || m.said[1].text != "did h" {
		t.Errorf("said: %v", m.said)
	}
}

func TestTheLeaderIsChosenUntilTheWatcherChooses(t *testing.T) {
	m := view(80, 24, healthy())
	moved := healthy()
	moved.leader = "node2"
	m.Update(looked(moved))
	if m.selected != 1 {
		t.Errorf("chosen: %d, want the leader", m.selected)
	}
	press(m, "1")
	m.Update(looked(moved))
	if m.selected != 0 {
		t.Errorf("chosen: %d, want what the watcher chose", m.selected)
	}
}

func TestWhatCannotBeDoneIsTold(t *testing.T) {
	m := view(80, 24, healthy())
	m.perform = func(deed, int) (string, error) { return "", errors.New("node1 is not down") }
	m.Update(press(m, "b")())
	if !strings.Contains(m.frame(), "not done: node1 is not down") {
		t.Errorf("frame:\n%s", m.frame())
	}
}

func TestQuit(t *testing.T) {
	for _, message := range []tea.KeyPressMsg{{Code: 'q', Text: "q"}, {Code: 'c', Mod: tea.ModCtrl}} {
		m := view(80, 24, healthy())
		_, cmd := m.Update(message)
		if cmd == nil || !m.ending {
			t.Fatalf("%s does not quit", message)
		}
		if _, ok := cmd().(tea.QuitMsg); !ok {
			t.Errorf("%s does not quit", message)
		}
	}
}

func TestEveryDeedHasAKeyOfItsOwnAndIsInTheHelp(t *testing.T) {
	m := view(80, 24, healthy())
	press(m, "?")
	seen := make(map[string]bool)
	for _, d := range deeds() {
		if seen[d.key] || !strings.Contains(m.frame(), d.help) {
			t.Errorf("key %s: %s", d.key, d.help)
		}
		seen[d.key] = true
	}
}
