// SPDX-License-Identifier: Apache-2.0

package loop

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
	"github.com/pgvigil/pgvigil/supervisor/internal/status"
)

const prefix = "/service/demo/"

// bubbleClock is a CLOCK_BOOTTIME that goes with the bubble's time.
func bubbleClock() Clock {
	start := time.Now()
	return func() core.Instant { return core.Instant(100*core.Second) + core.Instant(time.Since(start)) }
}

// journal is a log that tests can search.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *journal) count(s string) int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return strings.Count(j.text.String(), s)
}

// node is a supervisor on a host of its own.
type node struct {
	*Loop
	t       *testing.T
	name    string
	boot    string
	dcs     *register
	pg      *server
	dog     *dog
	peers   *peers
	router  *router
	journal *journal
	clock   Clock
	run     string // directories
	state   string

	cancel context.CancelFunc
	ended  chan error
}

func newNode(t *testing.T, name string, dcs *register) *node {
	t.Helper()
	dir := t.TempDir()
	n := &node{
		t: t, name: name, boot: "boot-1", dcs: dcs, dog: &dog{}, peers: newPeers(), router: &router{}, journal: &journal{}, clock: bubbleClock(),
		run: filepath.Join(dir, "run"), state: filepath.Join(dir, "state"),
	}
	n.pg = newServer(n.clock)
	for _, d := range []string{n.run, n.state} {
		if err := os.Mkdir(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	n.renew()
	return n
}

// renew makes a new process image: a loop that has not started.
func (n *node) renew() {
	n.t.Helper()
	store, err := OpenStore(n.run, n.state, n.boot)
	if err != nil {
		n.t.Fatal(err)
	}
	n.Loop = New(Config{
		Cluster: "demo", Namespace: "/service", DCS: n.dcs, Postgres: n.pg, Routers: []Router{n.router}, Fencer: n.pg,
		Watchdog: n.dog, Peers: n.peers, Plugins: func() []status.Plugin { return nil }, Heartbeats: func() status.Heartbeats { return status.Heartbeats{} }, Clock: n.clock, Store: store,
		Log: slog.New(slog.NewTextHandler(n.journal, nil)),
		Policy: core.Policy{
			Self: core.Self{Name: n.name, Instance: store.Instance, Token: store.Token, API: n.name + ":8008", Host: n.name, Port: 5432, Priority: 1},
			TTL:  3 * core.Second, DriftPPM: 10_000, MaximumLag: 1 << 20, StopPatience: 2 * core.Second,
			StartTimeout: 60 * core.Second, Rewind: true, Reclone: true, Routers: true,
		},
	})
	n.t.Cleanup(func() { store.Close() })
}

// start runs the loop until stop or the end of the test.
func (n *node) start() {
	ctx, cancel := context.WithCancel(n.t.Context())
	n.cancel, n.ended = cancel, make(chan error, 1)
	l, ended := n.Loop, n.ended
	go func() { ended <- l.Run(ctx) }()
	n.t.Cleanup(func() { _ = n.crash() })
}

// crash ends the process as SIGUSR1 does, and returns what Run said.
func (n *node) crash() error {
	n.cancel()
	err := <-n.ended
	n.ended <- err
	n.Store.Close()
	return err
}

// restart is a new process on the same host.
func (n *node) restart() {
	_ = n.crash()
	n.renew()
	n.start()
}

// await lets the bubble's time go on until a condition holds.
func await(t *testing.T, what string, within time.Duration, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(within); !holds(); {
		if time.Now().After(end) {
			t.Fatalf("%s: not within %s", what, within)
		}
		pass(5 * time.Millisecond)
	}
}

// pass lets the bubble's time go on.
func pass(d time.Duration) { <-time.After(d) }

func (n *node) rule() core.RuleID {
	s := n.Snapshot()
	if s == nil {
		return ""
	}
	return s.Reason.Rule
}

// primary waits until the node leads and is open, and its records are written.
func (n *node) primary() {
	n.t.Helper()
	await(n.t, "primary", 20*time.Second, func() bool {
		s := n.Snapshot()
		return s != nil && s.Reason.Rule == "P-100" && s.View != nil && len(s.View.History) > 0 &&
			record[core.Member](n.dcs, "members/"+n.name).Role == core.RolePrimary
	})
}

// observation is what the loop would see at its next tick.
func (n *node) observation() core.Observation {
	n.inbox.mu.Lock()
	defer n.inbox.mu.Unlock()
	return n.inbox.o
}

// look reads a field of a fake while others may write it.
func look[T any](mu *sync.Mutex, at *T) T {
	mu.Lock()
	defer mu.Unlock()
	return *at
}

// counts of the register's calls so far.
func (r *register) counts() (reads, watches int) {
	return look(&r.mu, &r.reads), look(&r.mu, &r.watches)
}

// under tells how many commits of a key are under way.
func (r *register) under(key string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.flying[prefix+key]
}
