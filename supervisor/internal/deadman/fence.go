// SPDX-License-Identifier: Apache-2.0

package deadman

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// How long Fence gives a launcher to do it in order, and how often it looks after that.
const (
	fencePatience = 100 * time.Millisecond
	fenceInterval = 5 * time.Millisecond
)

// Fence ends PostgreSQL with SIGKILL and returns nil only when it is proven that no process of it is left. It asks the
// launcher first, for at most 100 ms, and then does without it: launcher, postmaster, everything below them and every
// server process in the data directory, until none is found. It needs no plugin and nobody's answer, only the right to
// signal: root or the owner of the data directory. It is idempotent; with nothing running it returns at once.
//
// The error wraps ErrNotEmpty or ErrUnknown and the error of ctx. A process in an uninterruptible disk wait stays on the
// list until the wait ends.
func (c *Client) Fence(ctx context.Context) error {
	targets, err := c.targets()
	if err != nil {
		return err
	}
	targets.family()
	if targets.launcherAlive() {
		c.tryKill(ctx)
	}
	tick := time.NewTicker(fenceInterval)
	defer tick.Stop()
	for {
		err := targets.strike()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("fence PostgreSQL in %v: %w: %w", targets.dirs, err, ctx.Err())
		case <-tick.C:
		}
	}
}

// tryKill asks for the orderly end. Whatever the answer, proof is sought elsewhere.
func (c *Client) tryKill(ctx context.Context) {
	short, cancel := context.WithTimeout(ctx, fencePatience)
	defer cancel()
	_, err := c.call(short, "kill 0")
	_ = err // refused, hung or gone: strike follows in every case
}

// targets is what must be gone.
type targets struct {
	dirs      []string
	launchers []Record
	known     []Process // seen so far; each must be seen dead
}

// targets collects the launchers heard of and the one on file. Both are used: the file may be lost, the memory stale.
func (c *Client) targets() (*targets, error) {
	t := &targets{}
	t.addDir(c.DataDir)
	if r := c.remembered(); r.PID != 0 {
		t.launchers = append(t.launchers, r)
	}
	if r, err := ReadRecord(c.RunDir); err == nil {
		t.launchers = append(t.launchers, r)
	}
	for _, r := range t.launchers {
		t.addDir(r.DataDir)
	}
	if len(t.dirs) == 0 {
		return t, errors.New("data directory unknown: none configured and no launcher recorded")
	}
	return t, nil
}

func (t *targets) addDir(dir string) {
	if dir != "" && !slices.Contains(t.dirs, dir) {
		t.dirs = append(t.dirs, dir)
	}
}

func (t *targets) launcherAlive() bool {
	for _, r := range t.launchers {
		if r.Launcher().Alive() {
			return true
		}
	}
	return false
}

// family notes launchers, postmasters and what descends from them, launchers first so that none starts anything more.
// It must be asked before they die: orphans are given to another parent.
func (t *targets) family() {
	var heads, rest []Process
	for _, r := range t.launchers {
		for _, p := range []Process{r.Launcher(), r.Postmaster()} {
			if !p.Alive() {
				continue
			}
			heads = append(heads, p)
			below, err := Descendants(p.PID)
			if err == nil { // else the data directory still tells
				rest = append(rest, below...)
			}
		}
	}
	t.note(heads)
	t.note(rest)
}

func (t *targets) note(ps []Process) {
	for _, p := range ps {
		if !slices.Contains(t.known, p) {
			t.known = append(t.known, p)
		}
	}
}

// strike sends SIGKILL to all that is left and returns nil if that was nobody. A process on its way out leaves the data
// directory before it is gone; being known it is waited for.
func (t *targets) strike() error {
	inside, unknown := t.occupants()
	t.note(inside)
	var left []Process
	var errs []error
	for _, p := range t.known {
		if p.Alive() {
			left = append(left, p)
			errs = append(errs, p.Signal(unix.SIGKILL))
		}
	}
	if len(left) > 0 {
		return errors.Join(append(errs, fmt.Errorf("%w: %v", ErrNotEmpty, left))...)
	}
	if unknown != nil {
		return unknown
	}
	return t.proveEmpty()
}

func (t *targets) occupants() ([]Process, error) {
	var all []Process
	var errs []error
	for _, dir := range t.dirs {
		found, err := Occupants(dir)
		all, errs = append(all, found...), append(errs, err)
	}
	return all, errors.Join(errs...)
}

func (t *targets) proveEmpty() error {
	for _, dir := range t.dirs {
		empty, err := Empty(dir)
		if err == nil && !empty {
			err = ErrNotEmpty
		}
		if err != nil {
			return err
		}
	}
	return nil
}
