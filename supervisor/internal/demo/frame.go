// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"
)

const (
	minWidth, minHeight = 60, 20
	// eventLines of what the watcher did, and more of them from tall lines on.
	eventLines, moreEventLines, tall = 2, 5, 30
)

// frame is the whole picture: exactly height lines, none wider than width.
func (m *model) frame() string {
	switch {
	case m.width == 0:
		return ""
	case m.width < minWidth || m.height < minHeight:
		return shorten(fmt.Sprintf("needs %d x %d; q quits", minWidth, minHeight), m.width)
	}
	lines := m.head()
	if m.help {
		lines = append(lines, helpLines()...)
	} else {
		lines = append(lines, m.nodeLines()...)
		lines = append(lines, m.writeLines()...)
		lines = append(lines, m.storyLines(m.height-len(lines)-3)...)
	}
	return m.page(lines, m.foot())
}

// page puts the foot at the bottom and keeps within the window.
func (m *model) page(lines, foot []string) string {
	room := m.height - len(foot)
	lines = lines[:min(len(lines), room)]
	for len(lines) < room {
		lines = append(lines, "")
	}
	lines = append(lines, foot...)
	for i, line := range lines {
		lines[i] = ansi.Truncate(line, m.width, "…")
	}
	return strings.Join(lines, "\n")
}

func (m *model) head() []string {
	leader := m.snap.leader
	if leader == "" {
		leader = paint(bad, "nobody")
	}
	return []string{
		" " + strong(paint(accent, "pgvigil demo")) + "  " + paint(dim, m.title),
		fmt.Sprintf(" epoch %d · %s leads · %s", m.snap.epoch, leader, violationText(m.snap.violations)),
		"",
	}
}

func (m *model) nodeLines() []string {
	lines := []string{paint(dim, row("    node", "role", "state", "tl", "lsn", "lag", "postgres", "superv.", "etcd"))}
	for i, n := range m.snap.nodes {
		lines = append(lines, m.nodeLine(i, n))
	}
	return append(lines, "")
}

// row lays out the columns: 78 characters.
func row(name, role, state, tl, lsn, lag, postgres, supervisor, etcd string) string {
	return fit(name, 11) + fit(role, 8) + fit(state, 17) + fit(tl, 4) + fit(lsn, 11) + fit(lag, 7) + fit(postgres, 9) +
		fit(supervisor, 8) + fit(etcd, 4)
}

func (m *model) nodeLine(i int, n nodeView) string {
	mark := "  "
	if i == m.selected {
		mark = paint(accent, "▸ ")
	}
	role := fit(n.role, 7)
	if n.role == "leader" {
		role = strong(paint(good, role))
	}
	return row(mark+strconv.Itoa(i+1)+" "+n.name, role, stateText(n), number(n.timeline), n.lsn, lagText(n), up(n.postgres),
		up(n.supervisor), up(n.etcd))
}

// stateText is the state of a node, or what it is at.
func stateText(n nodeView) string {
	switch {
	case !n.supervisor && !n.postgres:
		return paint(bad, "down")
	case !n.supervisor:
		return paint(warn, "unsupervised")
	case !n.answers:
		return paint(warn, "no answer")
	case n.job != "":
		return paint(warn, n.job)
	case n.state == "running" || n.state == "streaming":
		return n.state
	}
	return paint(warn, n.state)
}

func up(yes bool) string {
	if yes {
		return paint(good, "up")
	}
	return paint(bad, "down")
}

func number(n uint32) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatUint(uint64(n), 10)
}

// lagText is how far a standby is behind.
func lagText(n nodeView) string {
	if n.lag == nil || !n.answers {
		return ""
	}
	return bytesText(*n.lag)
}

func bytesText(n uint64) string {
	switch {
	case n < 10_000:
		return strconv.FormatUint(n, 10) + " B"
	case n < 10_000_000:
		return strconv.FormatUint(n>>10, 10) + " kB"
	}
	return strconv.FormatUint(n>>20, 10) + " MB"
}

func (m *model) writeLines() []string {
	rate := fmt.Sprintf("%4.0f/s", m.pulse.rate())
	now := paint(good, "acknowledged just now")
	if m.snap.quiet > noise {
		now = paint(bad, fmt.Sprintf("none acknowledged for %.1f s", m.snap.quiet.Seconds()))
	}
	return []string{
		" writes " + strong(rate) + " " + paint(accent, m.pulse.line(max(0, m.width-46))) + " " + now,
		fmt.Sprintf(" %d acknowledged, %d of unknown outcome, %d failed", m.snap.acknowledged, m.snap.unknown, m.snap.failed),
		" longest gap since the last event " + strong(fmt.Sprintf("%d ms", m.snap.gap.Milliseconds())),
		"",
	}
}

func violationText(violations []string) string {
	if len(violations) == 0 {
		return paint(good, "never two writable primaries")
	}
	return strong(paint(bad, violations[0]))
}

// storyLines are the last events and decisions, as many as fit.
func (m *model) storyLines(room int) []string {
	lines := []string{paint(dim, " what you did")}
	count := eventLines
	if m.height >= tall {
		count = moreEventLines
	}
	events := m.said[max(0, len(m.said)-count):]
	for _, e := range events {
		lines = append(lines, " "+clock(e.at)+" "+e.text)
	}
	if len(events) == 0 {
		lines = append(lines, paint(dim, " nothing yet; try p"))
	}
	lines = append(lines, "", paint(dim, " what the supervisors decided"))
	for _, d := range newest(m.snap.decisions, max(0, room-len(lines))) {
		lines = append(lines, fmt.Sprintf(" %s %s %s %s", clock(d.at), d.node, paint(accent, fit(d.rule, 5)), d.sentence))
	}
	return lines
}

func clock(t time.Time) string { return t.Local().Format("15:04:05.0") }

func (m *model) foot() []string {
	return []string{
		paint(dim, fit(" 1 2 3 choose a node; then: p kill postmaster  s kill supervisor  h kill node", m.width)),
		paint(dim, fit(" b bring back  w switch over to it        ? help  q quit and remove everything", m.width)),
	}
}

func helpLines() []string {
	lines := []string{
		" Three nodes run on this machine, each with PostgreSQL, a supervisor and",
		" a member of etcd. Clients write to whichever node is the primary. Choose",
		" a node with 1, 2, 3 or the arrow keys, then:",
		"",
	}
	for _, d := range deeds() {
		lines = append(lines, "   "+strong(d.key)+"   "+d.help)
	}
	return append(lines, "",
		" The gap is the longest time that one client went without an acknowledged write",
		" since the last thing you did. Decisions are told as `pgvigil why` tells them.",
		"", " ? goes back.")
}
