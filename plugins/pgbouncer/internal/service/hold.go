// SPDX-License-Identifier: Apache-2.0

package service

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/pgvigil/pgvigil/plugins/pgbouncer/internal/conf"
	"github.com/pgvigil/pgvigil/plugins/pgbouncer/internal/console"
	"github.com/pgvigil/pgvigil/plugins/sdk"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// markName is the file in the state directory that tells the next process what this one has paused.
const markName = "paused.json"

// retryEvery is the time between two tries to end a pause.
const retryEvery = time.Second

// hold is a pause from before its first PAUSE until its last RESUME.
type hold struct {
	// Until is when it ends by itself, For how long that was from the time of writing: a clock that is set back does
	// not make it longer.
	Until   time.Time     `json:"until"`
	For     time.Duration `json:"for_ns"`
	Targets []*target     `json:"targets"`

	timer *time.Timer
}

// target is one database of one PgBouncer, or all of them if it has no name.
type target struct {
	Console  string `json:"console"`
	Database string `json:"database,omitempty"`

	console *console.Console
}

// begin notes on disk what is going to be paused for d at most, so that it is resumed whatever happens to this process.
func (r *Router) begin(targets []*target, d time.Duration) error {
	h := &hold{Until: time.Now().Add(d), For: d, Targets: targets}
	raw, err := json.Marshal(h)
	if err != nil {
		return err
	}
	if err := sdk.WriteFile(filepath.Join(r.state().stateDir, markName), raw, 0o600); err != nil {
		return err
	}
	r.hold = h
	return nil
}

// arm lets the pause end by itself after d.
func (r *Router) arm(d time.Duration) {
	r.hold.Until = time.Now().Add(d)
	r.hold.timer = time.AfterFunc(d, r.expire)
}

// takeUp goes on with a pause that an earlier process has left.
func (r *Router) takeUp(path string, body conf.Body) error {
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	h := &hold{}
	if err := json.Unmarshal(raw, h); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	for _, t := range h.Targets {
		if t.console, err = console.Open(t.Console, body.Secret); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	left := min(time.Until(h.Until), h.For)
	r.log.Warn("an earlier process has left a pause", "ends_in", left)
	r.hold = h
	r.arm(left)
	return nil
}

// expire ends a pause that nobody has ended, and goes on with one that could not be ended everywhere.
func (r *Router) expire() {
	r.pausing <- struct{}{}
	defer r.pausing.give()
	if r.hold == nil || time.Now().Before(r.hold.Until) {
		return // another one by now
	}
	if err := r.release(context.Background()); err != nil {
		r.log.Error("pause cannot be ended yet", "error", err)
		return
	}
	r.log.Warn("pause ended by itself")
}

// release ends a pause, if there is one. UNAVAILABLE: not everywhere yet; it will be tried again.
func (r *Router) release(ctx context.Context) error {
	h := r.hold
	if h == nil {
		return nil
	}
	if h.timer != nil {
		h.timer.Stop()
	}
	ctx, cancel := context.WithTimeout(ctx, answerBound)
	defer cancel()
	errs := each(h.Targets, func(t *target) error { return t.resume(ctx) })
	if err := errors.Join(errs...); err != nil {
		h.Until = time.Now()
		h.timer = time.AfterFunc(retryEvery, r.expire)
		return status.Errorf(codes.Unavailable, "not resumed everywhere yet: %v", err)
	}
	r.hold = nil
	r.closeFormer(h.Targets)
	if err := os.Remove(filepath.Join(r.state().stateDir, markName)); err != nil {
		r.log.Warn("end of the pause is not on disk", "error", err)
	}
	return nil
}

// resume takes it for done also when PgBouncer is not paused, or does not run and so has forgotten. A PAUSE that was given
// up may lie unread on another connection: PgBouncer reads it no later than the first RESUME, and the second undoes it.
func (t *target) resume(ctx context.Context) error {
	for range 2 {
		_, err := t.console.Query(ctx, command("RESUME", t.Database))
		if console.Gone(err) {
			return nil
		}
		if err != nil && !console.Idle(err) {
			return err
		}
	}
	return nil
}

// closeFormer closes consoles that are no part of the configuration any more.
func (r *Router) closeFormer(targets []*target) {
	for _, t := range targets {
		if !slices.ContainsFunc(r.state().instances, func(i *instance) bool { return i.console == t.console }) {
			t.console.Close()
		}
	}
}

// orAll stands for all databases by the empty name if none is listed.
func orAll(databases []string) []string {
	if len(databases) == 0 {
		return []string{""}
	}
	return databases
}

// command is a verb of the console for one database, or for all.
func command(verb, database string) string {
	if database == "" {
		return verb
	}
	return verb + " " + conf.Identifier(database)
}
