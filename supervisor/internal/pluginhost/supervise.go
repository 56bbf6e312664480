// SPDX-License-Identifier: Apache-2.0

package pluginhost

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// errStopped ends a session that the host ends.
var errStopped = errors.New("plugin was stopped")

// supervise keeps the plugin running until ctx ends, and then stops it.
func (p *Plugin) supervise(ctx context.Context) {
	for {
		began := time.Now()
		ran, err := p.runOnce(ctx)
		if ctx.Err() != nil {
			p.goDown(errStopped)
			return
		}
		p.goDown(err)
		pause := p.backoff.next(ran)
		p.log.Error("plugin is down", "plugin", p.spec.Name, "error", err, "after", time.Since(began), "restart_in", pause)
		if !wait(ctx, pause) {
			return
		}
	}
}

// runOnce starts the plugin and stays until it ends. It tells how long it ran, 0 if it did not start.
func (p *Plugin) runOnce(ctx context.Context) (time.Duration, error) {
	if err := prepareDirectories(p.spec); err != nil {
		return 0, err
	}
	s, err := startSession(ctx, p.spec, p.spawner, p.log)
	if err != nil {
		return 0, err
	}
	if err := p.restore(ctx, s); err != nil {
		s.kill()
		return 0, err
	}
	began := time.Now()
	err = p.watch(ctx, s)
	if errors.Is(err, errStopped) {
		p.goDown(err)
		s.stop()
		return time.Since(began), err
	}
	p.goDown(err)
	if !s.kill() {
		p.log.Warn("plugin process does not end", "plugin", p.spec.Name, "pid", s.pid())
	}
	return time.Since(began), err
}

// restore gives the process the body that is current, if any, and makes the session the current one.
func (p *Plugin) restore(ctx context.Context, s *session) error {
	p.turn.Lock()
	defer p.turn.Unlock()
	p.mu.Lock()
	body, bound := p.body, p.bound
	p.mu.Unlock()
	if bound {
		if err := s.reconfigure(ctx, body); err != nil {
			return err
		}
	}
	p.goUp(s)
	return nil
}

// watch returns when the session must end, and why.
func (p *Plugin) watch(ctx context.Context, s *session) error {
	var c checkup
	next := time.NewTimer(healthAgain)
	defer next.Stop()
	for {
		suspected := false
		select {
		case <-ctx.Done():
			return errStopped
		case <-s.process.exited:
			return fmt.Errorf("plugin %s ended: %s", p.spec.Name, s.process.exitState())
		case <-s.suspected:
			suspected = true
		case <-next.C:
		}
		err := p.check(ctx, s, suspected || c.misses > 0)
		if c.hangs(err != nil, suspected || err != nil && s.isSuspected()) {
			return p.hangReason(s, err)
		}
		next.Reset(c.pause())
	}
}

// check asks the plugin how it is, and notes the answer. Where there is doubt it asks the process first, which is given
// less time.
func (p *Plugin) check(ctx context.Context, s *session, doubt bool) error {
	if doubt {
		if err := s.ping(ctx); err != nil {
			return err
		}
	}
	healthy, message, err := s.health(ctx)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.status.Healthy, p.status.Message = healthy, message
	if p.spec.Kind == KindRouter && s.configured.Load() {
		p.tellHealth()
	}
	return nil
}

// tellHealth logs what is wrong with a router when that changes. The caller holds the lock. (Of the others, the loop
// tells.)
func (p *Plugin) tellHealth() {
	now := ""
	if !p.status.Healthy {
		now = p.status.Message
	}
	switch now {
	case p.ailment:
	case "":
		p.log.Info("plugin is healthy again", "plugin", p.spec.Name, "message", p.status.Message)
	default:
		p.log.Warn("plugin is not healthy", "plugin", p.spec.Name, "message", now)
	}
	p.ailment = now
}

// hangReason prefers the end of the process to what it did to the check.
func (p *Plugin) hangReason(s *session, err error) error {
	select {
	case <-s.process.exited:
		return fmt.Errorf("plugin %s ended: %s", p.spec.Name, s.process.exitState())
	default:
		return fmt.Errorf("plugin %s does not answer: %w", p.spec.Name, err)
	}
}

// goUp makes the session the current one.
func (p *Plugin) goUp(s *session) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.session, p.failure = s, nil
	restarts := p.status.Restarts
	if p.status.Version != "" {
		restarts++
	}
	p.status = Status{
		Kind: p.spec.Kind, Name: p.spec.Name, Version: s.info.Version, PID: s.pid(),
		Up: true, Healthy: true, Since: time.Now(), Restarts: restarts,
	}
	p.log.Info("plugin is up", "plugin", p.spec.Name, "version", s.info.Version, "pid", p.status.PID)
	p.notify()
}

// goDown ends the current session for callers, before the process is ended.
func (p *Plugin) goDown(reason error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.status.Up {
		p.status.Since = time.Now()
	}
	p.session, p.failure = nil, reason
	p.status.Up, p.status.Healthy, p.status.PID = false, false, 0
	p.status.Message = oneLine(reason)
	p.notify()
}

// notify wakes everybody who waits for a change; the caller holds the lock.
func (p *Plugin) notify() {
	close(p.changed)
	p.changed = make(chan struct{})
}

// wait returns false when ctx ended before the pause.
func wait(ctx context.Context, pause time.Duration) bool {
	over := time.NewTimer(pause)
	defer over.Stop()
	select {
	case <-over.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// messageWidth bounds what a status and the error of a call tell about a failure.
const messageWidth = 500

// oneLine is an error for a list: without line breaks, and not too long.
func oneLine(err error) string {
	line := strings.ReplaceAll(err.Error(), "\n", " | ")
	return strings.ToValidUTF8(line[:min(len(line), messageWidth)], "")
}
