// SPDX-License-Identifier: Apache-2.0

package pluginhost

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"time"
)

// ErrDown is the cause of every error that says that a plugin could not be asked because it is not running or
// not configured. Nothing was sent.
var ErrDown = errors.New("plugin is down")

// Plugin is one supervised plugin.
type Plugin struct {
	spec    Spec
	log     *slog.Logger
	spawner *spawner
	backoff backoff

	// turn keeps a new body and the restart of the process apart.
	turn sync.Mutex

	mu      sync.Mutex
	session *session // nil while down
	status  Status
	ailment string // what was told last to be wrong with a router
	failure error  // of the last start or run; nil while up
	body    []byte
	bound   bool // whether body is set
	changed chan struct{}
}

func newPlugin(spec Spec, log *slog.Logger) *Plugin {
	return &Plugin{
		spec: spec, log: log, changed: make(chan struct{}),
		status: Status{Kind: spec.Kind, Name: spec.Name, Since: time.Now(), Message: "not started yet"},
	}
}

// Kind is the kind the plugin was started as.
func (p *Plugin) Kind() Kind { return p.spec.Kind }

// Name is the label of the plugin's block.
func (p *Plugin) Name() string { return p.spec.Name }

// Ready waits until the plugin runs and has said who it is. It returns early when the plugin was refused; a
// plugin that merely fails is waited for until ctx ends, and its last failure is then the error.
func (p *Plugin) Ready(ctx context.Context) error {
	for {
		p.mu.Lock()
		s, failure, changed := p.session, p.failure, p.changed
		p.mu.Unlock()
		if s != nil {
			return nil
		}
		var refused *RefusedError
		if errors.As(failure, &refused) {
			return failure
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return errors.Join(failure, fmt.Errorf("plugin %s is not ready: %w", p.spec.Name, ctx.Err()))
		}
	}
}

// Info is who the running plugin says it is; an ErrDown while there is none.
func (p *Plugin) Info() (Info, error) {
	s, err := p.current()
	if err != nil {
		return Info{}, err
	}
	return s.info, nil
}

// Schema is the schema of the running plugin's block; an ErrDown while there is none.
func (p *Plugin) Schema() (Block, error) {
	s, err := p.current()
	if err != nil {
		return Block{}, err
	}
	return s.schema, nil
}

// Validate has the plugin check a body, the JSON object its schema describes. Nothing is changed.
func (p *Plugin) Validate(ctx context.Context, body []byte) ([]Diagnostic, error) {
	s, err := p.current()
	if err != nil {
		return nil, err
	}
	return s.validate(ctx, body)
}

// Configure makes a body current, in the running process and in every later one. With an error among the
// diagnostics, or an error, the earlier body stays the current one.
func (p *Plugin) Configure(ctx context.Context, body []byte) ([]Diagnostic, error) {
	p.turn.Lock()
	defer p.turn.Unlock()
	s, err := p.current()
	if err != nil {
		return nil, err
	}
	found, err := s.configure(ctx, body)
	if err != nil || HasErrors(found) {
		return found, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.body, p.bound = slices.Clone(body), true
	p.notify()
	return found, nil
}

// Status is the state of the plugin now.
func (p *Plugin) Status() Status {
	p.mu.Lock()
	defer p.mu.Unlock()
	status := p.status
	status.Configured = p.session != nil && p.session.configured.Load()
	return status
}

// current is the running session, configured or not.
func (p *Plugin) current() (*session, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.session == nil {
		return nil, p.down()
	}
	return p.session, nil
}

// ready is the running session, configured.
func (p *Plugin) ready() (*session, error) {
	s, err := p.current()
	if err == nil && !s.configured.Load() {
		return nil, fmt.Errorf("%w: plugin %s is not configured yet", ErrDown, p.spec.Name)
	}
	return s, err
}

// down tells why there is no session.
func (p *Plugin) down() error {
	if errors.Is(p.failure, errStopped) {
		return fmt.Errorf("%w: plugin %s was stopped", ErrDown, p.spec.Name)
	}
	if p.failure != nil {
		return fmt.Errorf("%w: plugin %s is restarting: %s", ErrDown, p.spec.Name, oneLine(p.failure))
	}
	return fmt.Errorf("%w: plugin %s is starting", ErrDown, p.spec.Name)
}

// pid of the process, as a number.
func (s *session) pid() int {
	pid, err := strconv.Atoi(s.process.ID())
	if err != nil {
		return 0
	}
	return pid
}
