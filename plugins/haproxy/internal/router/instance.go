// SPDX-License-Identifier: Apache-2.0

package router

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pgvigil/pgvigil/plugins/haproxy/internal/admin"
)

const (
	// watchEvery is how often it is looked whether HAProxy was started anew. A reload leaves no trace that
	// could be waited for: the socket is handed over, and the old process stays while it has sessions. Until
	// its first check, which comes within a check interval, a server of the new process is up whatever it is.
	watchEvery = time.Second
	// fresh is how old routes may be to be pushed again without having been applied again.
	fresh = 10 * time.Second
	// shortPatience is what an HAProxy gets that did not answer the last time.
	shortPatience = 100 * time.Millisecond
)

// instance is one HAProxy, found behind its socket.
type instance struct {
	socket admin.Socket
	router *Router
	stop   context.CancelFunc

	// turn is held by whoever pushes, and guards what follows.
	turn    chan struct{}
	process admin.Process
	pushed  map[string]wish      // by server
	added   map[string]time.Time // servers made by the plugin, and when their member was last seen
	uncut   map[string]bool      // servers whose sessions may live on in processes left behind
	hung    bool                 // did not answer the last time
	owed    bool                 // an exchange failed since the last push

	mu      sync.Mutex
	refused string // why the last server was not added
}

// start begins to watch the HAProxy behind a socket, which need not be there.
func start(socket admin.Socket, r *Router) *instance {
	ctx, cancel := context.WithCancel(context.Background())
	i := &instance{
		socket: socket, router: r, stop: cancel,
		turn: make(chan struct{}, 1), pushed: map[string]wish{}, added: map[string]time.Time{}, uncut: map[string]bool{},
	}
	go i.watch(ctx)
	return i
}

// watch pushes again what HAProxy forgot when it was started anew, and what failed, while the routes are fresh.
func (i *instance) watch(ctx context.Context) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if o, age := i.router.latest(); o.routes != nil && age < fresh && i.needed(ctx) {
			_ = i.apply(ctx) // logged there
		}
	}
}

// needed tells whether a process listens that was not told.
func (i *instance) needed(ctx context.Context) bool {
	if i.take(ctx) != nil {
		return false
	}
	defer i.give()
	p, err := i.socket.Process(ctx)
	return err == nil && (i.owed || !p.Follows(i.process))
}

func (i *instance) take(ctx context.Context) error {
	select {
	case i.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%s: waiting for an earlier push: %w", i.socket, ctx.Err())
	}
}

func (i *instance) give() { <-i.turn }

// apply pushes what the latest order wishes and was not pushed yet. It is an error when the HAProxy cannot be
// told; that it lacks a server is for Health to tell.
func (i *instance) apply(ctx context.Context) error {
	if err := i.take(ctx); err != nil {
		return err
	}
	defer i.give()
	o, _ := i.router.latest()
	state, err := i.look(ctx)
	if err != nil {
		return err
	}
	if state.Level == adminLevel {
		state, err = i.carryOut(ctx, o, state)
	}
	for _, problem := range i.obstacles(o, state) {
		err = errors.Join(err, errors.New(problem))
	}
	return err
}

// carryOut pushes to the servers there are, then to those it added. It returns the state to go on with.
func (i *instance) carryOut(ctx context.Context, o order, state admin.State) (admin.State, error) {
	if err := i.push(ctx, o, state); err != nil || !i.staff(ctx, o, state) {
		return state, err
	}
	now, err := i.look(ctx)
	if err != nil {
		return state, err
	}
	return now, i.push(ctx, o, now)
}

// look reads the state, and forgets what was pushed when the process that was told is gone.
func (i *instance) look(ctx context.Context) (admin.State, error) {
	if i.hung {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, shortPatience)
		defer cancel()
	}
	state, err := i.socket.Look(ctx)
	i.hung, i.owed = errors.Is(err, admin.ErrHangs), err != nil
	if err != nil {
		return admin.State{}, err
	}
	if !state.Follows(i.process) {
		clear(i.pushed)
		clear(i.added)
	}
	i.process = state.Process
	return state, nil
}

// push carries out the steps that are new, over one connection, and remembers those that were done.
func (i *instance) push(ctx context.Context, o order, state admin.State) error {
	steps := slices.DeleteFunc(o.steps(state.Servers), func(s step) bool {
		return i.pushed[s.server.String()] == s.wish || s.server.Maintenance || !s.server.Checked
	})
	var commands []string
	for _, s := range steps {
		commands = append(commands, s.commands()...)
	}
	answers, err := i.run(ctx, commands)
	if err != nil {
		return err
	}
	var failed error
	for _, s := range steps {
		n := len(s.commands())
		if said := strings.Join(answers[:n], ""); said != "" {
			failed = errors.Join(failed, fmt.Errorf("%s: HAProxy refused %q: %s", i.socket, s.commands(), said))
		} else {
			i.pushed[s.server.String()] = s.wish
		}
		answers = answers[n:]
	}
	return errors.Join(failed, i.cutLeftBehind(ctx, o, steps))
}

// run runs commands, if there are any.
func (i *instance) run(ctx context.Context, commands []string) (answers []string, err error) {
	if len(commands) > 0 {
		answers, err = i.socket.Run(ctx, commands...)
		i.owed = err != nil
	}
	return answers, err
}

// commands that take a server from what it is to what is wished; none when it is that already.
func (s step) commands() []string {
	var commands []string
	switch {
	case s.wish.up && !s.server.Up:
		commands = append(commands, "set server "+s.server.String()+" health up")
	case !s.wish.up && s.server.Up:
		commands = append(commands, "set server "+s.server.String()+" health down")
	}
	if !s.wish.up && s.cut {
		commands = append(commands, "shutdown sessions server "+s.server.String())
	}
	return commands
}
