// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"
)

// watch shows the live view until the watcher quits.
func (d *Demo) watch(ctx context.Context, t *teller, s *stage) error {
	m := &model{
		title: fmt.Sprintf("PostgreSQL %s · three nodes on loopback · %s · ttl %s", s.version, s.Durability(), s.ttl),
		look:  func() snapshot { return s.look(ctx) },
		perform: func(d deed, i int) (string, error) {
			s.setMark()
			return d.do(ctx, s, s.Nodes[i])
		},
	}
	_, err := tea.NewProgram(m, d.terminal(ctx)...).Run()
	if err != nil && !m.ending && ctx.Err() == nil {
		return fmt.Errorf("live view: %w", err)
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return s.farewell(ctx, t)
}

func (d *Demo) terminal(ctx context.Context) []tea.ProgramOption {
	options := []tea.ProgramOption{
		tea.WithContext(ctx), tea.WithInput(d.In), tea.WithOutput(d.Out), tea.WithEnvironment(d.Environ),
		tea.WithoutSignalHandler(), tea.WithFPS(20),
	}
	if d.noColor() {
		options = append(options, tea.WithColorProfile(colorprofile.ASCII))
	}
	return options
}

// noColor tells whether NO_COLOR is set, to whatever but nothing (no-color.org).
func (d *Demo) noColor() bool {
	return slices.ContainsFunc(d.Environ, func(entry string) bool {
		value, found := strings.CutPrefix(entry, "NO_COLOR=")
		return found && value != ""
	})
}

// farewell tells what became of the writes, if the cluster still can tell.
func (s *stage) farewell(ctx context.Context, t *teller) error {
	ctx, cancel := context.WithTimeoutCause(ctx, 5*time.Second, errors.New("not within 5 s"))
	defer cancel()
	if err := s.rest(); err != nil {
		return err
	}
	for _, sentence := range s.violations() {
		t.say("%s", sentence)
	}
	report, err := s.report(ctx)
	if err != nil {
		t.say("the writes were not verified: %v", err)
		return nil
	}
	t.say("writes: %s", report)
	return nil
}
