// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"time"

	tea "charm.land/bubbletea/v2"
)

// every is the time between two snapshots.
const every = 250 * time.Millisecond

// saidKept is how many events are remembered.
const saidKept = 100

// model is the live view of a cluster. Only tea's own goroutine touches it.
type model struct {
	title string
	// look takes a snapshot and perform does a deed to the i-th node; both may take their time, off tea's goroutine.
	look    func() snapshot
	perform func(d deed, i int) (string, error)

	width, height int
	// selected is the index of the chosen node; chosen tells that it was the watcher who chose it.
	selected     int
	chosen       bool
	help, ending bool
	snap         snapshot
	pulse        pulse
	said         []event
}

// event is something that the watcher did, or that could not be done.
type event struct {
	at   time.Time
	text string
}

// Messages of the model.
type (
	looked snapshot
	done   struct {
		said string
		err  error
	}
)

// Init takes the first snapshot.
func (m *model) Init() tea.Cmd { return m.lookNow }

func (m *model) lookNow() tea.Msg { return looked(m.look()) }

// Update takes a key, a snapshot, or the end of a deed.
func (m *model) Update(message tea.Msg) (tea.Model, tea.Cmd) {
	switch message := message.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = message.Width, message.Height
	case tea.KeyPressMsg:
		return m, m.press(message.String())
	case looked:
		m.snap = snapshot(message)
		m.chooseLeader()
		m.pulse.add(m.snap.at, m.snap.acknowledged)
		return m, tea.Tick(every, func(time.Time) tea.Msg { return m.lookNow() })
	case done:
		m.tell(message)
	}
	return m, nil
}

func (m *model) tell(d done) {
	text := d.said
	if d.err != nil {
		text = "not done: " + d.err.Error()
	}
	m.said = append(m.said, event{time.Now(), text})
	m.said = m.said[max(0, len(m.said)-saidKept):]
}

// press handles a key.
func (m *model) press(key string) tea.Cmd {
	switch key {
	case "q", "ctrl+c":
		m.ending = true
		return tea.Quit
	case "?":
		m.help = !m.help
	case "esc":
		m.help = false
	case "up", "k":
		m.choose(m.selected - 1)
	case "down", "j":
		m.choose(m.selected + 1)
	case "1", "2", "3", "4", "5":
		m.choose(int(key[0] - '1'))
	default:
		return m.act(key)
	}
	return nil
}

func (m *model) choose(i int) {
	if i >= 0 && i < len(m.snap.nodes) {
		m.selected, m.chosen = i, true
	}
}

// chooseLeader keeps the leader chosen until the watcher chooses.
func (m *model) chooseLeader() {
	for i, n := range m.snap.nodes {
		if !m.chosen && n.name == m.snap.leader {
			m.selected = i
		}
	}
}

// act begins the deed of a key.
func (m *model) act(key string) tea.Cmd {
	d, ok := find(key)
	if !ok || m.selected >= len(m.snap.nodes) {
		return nil
	}
	i := m.selected
	return func() tea.Msg {
		said, err := m.perform(d, i)
		return done{said, err}
	}
}

// View draws the frame.
func (m *model) View() tea.View {
	v := tea.NewView(m.frame())
	v.AltScreen, v.WindowTitle = true, "pgvigil demo"
	return v
}
