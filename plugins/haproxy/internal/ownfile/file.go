// SPDX-License-Identifier: Apache-2.0

package ownfile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pgvigil/pgvigil/plugins/haproxy/internal/admin"
	"github.com/pgvigil/pgvigil/plugins/sdk"
	"golang.org/x/sys/unix"
)

const (
	// memory is how long a member that is not heard of stays in the file.
	memory = 24 * time.Hour
	// pause is how long it takes after a failure until it is tried again.
	pause = 30 * time.Second
	// bound is how long one try may take.
	bound = 30 * time.Second
)

// Config is where the file is and how HAProxy learns of it.
type Config struct {
	Sections []Section
	// Server are the options of all servers.
	Server string
	// Path of the file. Candidate is where it is written first, to be checked.
	Path, Candidate string
	// Main are the configuration files it is loaded with, before it.
	Main []string
	// Program is haproxy's.
	Program string
	// Reload is the command that reloads HAProxy; if empty, the masters behind these sockets are asked to.
	Reload  []string
	Masters []string
}

// File keeps the file. The zero value is one that keeps nothing.
type File struct {
	mu      sync.Mutex
	config  *Config
	problem string
	next    time.Time // not before this is it tried again
	cancel  context.CancelFunc

	// turn is held while the file is brought in line, and guards what follows.
	turn sync.Mutex
	seen map[string]time.Time // when a member was last heard of
	owed bool                 // written, and HAProxy was not reloaded since
}

// Configure sets what to keep; nil keeps nothing. What is under way goes on.
func (f *File) Configure(c *Config) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.config, f.problem, f.next = c, "", time.Time{}
}

// Problem is why the file could not be brought in line the last time, and what to change; empty when it was.
func (f *File) Problem() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.problem
}

// Examine notes what would keep the file from being brought in line, without doing it.
func (f *File) Examine() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.config == nil {
		return
	}
	dir := filepath.Dir(f.config.Path)
	have, err := os.ReadFile(f.config.Path)
	switch {
	case err == nil && !ours(have):
		f.problem = foreign(f.config.Path).Error()
	case unix.Access(dir, unix.W_OK|unix.X_OK) != nil:
		f.problem = fmt.Sprintf("%s: let the user of pgvigild write into this directory, for %s", dir, filepath.Base(f.config.Path))
	case unix.Access(f.config.Program, unix.X_OK) != nil:
		f.problem = f.config.Program + " is no program: set config_file.program to HAProxy's"
	}
}

func foreign(path string) error {
	return fmt.Errorf("%s is not pgvigil's, and is left alone: move it away, or set config_file.path to another", path)
}

// Stop ends what is under way.
func (f *File) Stop() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.cancel != nil {
		f.cancel()
	}
}

// Keep brings the file in line with the members, beside the caller, unless that is under way.
func (f *File) Keep(present Members) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.config == nil || time.Now().Before(f.next) || !f.turn.TryLock() {
		return
	}
	c := *f.config
	ctx, cancel := context.WithTimeout(context.Background(), bound)
	f.cancel = cancel
	go func() {
		defer f.turn.Unlock()
		defer cancel()
		f.settle(f.keep(ctx, c, present))
	}()
}

// keep compares, and replaces the file if it differs or HAProxy does not have it.
func (f *File) keep(ctx context.Context, c Config, present Members) error {
	have, err := os.ReadFile(c.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return err
	case !ours(have):
		return foreign(c.Path)
	}
	members := parse(have)
	maps.Copy(members, present)
	f.forget(members, present)
	want := c.render(members)
	if len(members) == 0 || bytes.Equal(want, have) && !f.owed {
		return nil
	}
	return f.replace(ctx, c, want)
}

// forget takes those out of members that were not present for long.
func (f *File) forget(members, present Members) {
	if f.seen == nil {
		f.seen = map[string]time.Time{}
	}
	now := time.Now()
	for name := range members {
		if _, here := present[name]; here || f.seen[name].IsZero() {
			f.seen[name] = now
		}
		if now.Sub(f.seen[name]) > memory {
			delete(members, name)
		}
	}
}

// replace checks the content, puts it in place and has HAProxy load it.
func (f *File) replace(ctx context.Context, c Config, content []byte) error {
	if err := sdk.WriteFile(c.Candidate, content, 0o644); err != nil {
		return err
	}
	args := []string{"-c"}
	for _, main := range slices.Concat(c.Main, []string{c.Candidate}) {
		args = append(args, "-f", main)
	}
	if err := run(ctx, c.Program, args...); err != nil {
		return fmt.Errorf("%s is left as it is: %w", c.Path, err)
	}
	if err := sdk.WriteFile(c.Path, content, 0o644); err != nil {
		return fmt.Errorf("let the user of pgvigild write into %s: %w", filepath.Dir(c.Path), err)
	}
	f.owed = true
	if err := c.reload(ctx); err != nil {
		return fmt.Errorf("HAProxy was not reloaded with %s: %w", c.Path, err)
	}
	f.owed = false
	slog.Info("haproxy reloaded", "file", c.Path)
	return nil
}

func (c Config) reload(ctx context.Context) error {
	if len(c.Reload) > 0 {
		return run(ctx, c.Reload[0], c.Reload[1:]...)
	}
	var all error
	for _, path := range c.Masters {
		all = errors.Join(all, admin.Master(path).Reload(ctx))
	}
	return all
}

// run runs a program; what it wrote is in the error.
func run(ctx context.Context, program string, args ...string) error {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.WaitDelay = time.Second
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w: %s", program, strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}

// settle notes how it went.
func (f *File) settle(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.problem, f.next = "", time.Time{}
	if err != nil {
		f.problem, f.next = err.Error(), time.Now().Add(pause)
		slog.Warn("haproxy config file not in line", "error", err)
	}
}
