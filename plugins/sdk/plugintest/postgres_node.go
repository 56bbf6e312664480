// SPDX-License-Identifier: Apache-2.0

package plugintest

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// node is a PostgresNode with the calls the chapters make.
type node struct {
	PostgresNode
}

func (n *node) client() pluginv1.PostgresClient { return pluginv1.NewPostgresClient(n.Conn) }

func (n *node) peer() *pluginv1.Peer {
	return &pluginv1.Peer{Name: n.Name, Host: n.Host, Port: n.Port}
}

// progress is the stream of a long call.
type progress = grpc.ServerStreamingClient[pluginv1.Progress]

// finish reads a long call to its end and returns its status. One that ends well says in its last
// message when its work was done; a time, once told, stands.
func finish(stream progress, err error) error {
	var ended int64
	for err == nil {
		var p *pluginv1.Progress
		if p, err = stream.Recv(); err != nil {
			break
		}
		if ended != 0 && p.GetDoneAtBoottimeNs() != ended {
			return errors.New("the time the work was done changed")
		}
		if ended = p.GetDoneAtBoottimeNs(); p.GetPhase() == "" {
			return errors.New("progress without a phase")
		}
	}
	if !errors.Is(err, io.EOF) {
		return err
	}
	if ended <= 0 {
		return errors.New("the last progress does not say when the work was done")
	}
	return nil
}

// must fails the test unless a long call ends well.
func must(t testing.TB, what string) func(progress, error) {
	return func(stream progress, err error) {
		t.Helper()
		if err := finish(stream, err); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
}

// wantCode fails the test unless a long call ends with the code.
func wantCode(t testing.TB, what string, want codes.Code) func(progress, error) {
	return func(stream progress, err error) {
		t.Helper()
		if err := finish(stream, err); status.Code(err) != want {
			t.Errorf("%s: got %v, want %s", what, err, want)
		}
	}
}

func (n *node) start(t testing.TB, epoch uint64, upstream *pluginv1.Peer) {
	t.Helper()
	must(t, "start of "+n.Name)(n.client().Start(within(t, Patience), &pluginv1.StartRequest{Epoch: epoch, Upstream: upstream}))
}

func (n *node) stop(t testing.TB, epoch uint64, patience time.Duration) {
	t.Helper()
	must(t, "stop of "+n.Name)(n.client().Stop(within(t, Patience), &pluginv1.PostgresStopRequest{Epoch: epoch, PatienceNs: int64(patience)}))
}

// observe is the state now.
func (n *node) observe(t testing.TB) *pluginv1.ObserveResponse {
	t.Helper()
	return n.await(t, "any state", func(*pluginv1.ObserveResponse) bool { return true })
}

// await reads states until one is as wanted.
func (n *node) await(t testing.TB, what string, wanted func(*pluginv1.ObserveResponse) bool) *pluginv1.ObserveResponse {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	stream, err := n.client().Observe(ctx, &pluginv1.ObserveRequest{IntervalNs: int64(200 * time.Millisecond)})
	if err != nil {
		t.Fatalf("observe %s: %v", n.Name, err)
	}
	var last *pluginv1.ObserveResponse
	for {
		state, err := stream.Recv()
		if err != nil {
			t.Fatalf("%s never was %s: %v\nlast seen: %v", n.Name, what, err, last)
		}
		if last = state; wanted(state) {
			return state
		}
	}
}

// sql runs a statement that must succeed.
func (n *node) sql(t testing.TB, statement string) string {
	t.Helper()
	got, err := n.SQL(within(t, Patience), statement)
	if err != nil {
		t.Fatalf("%s on %s: %v", statement, n.Name, err)
	}
	return got
}

// has waits until a note, written with note, has arrived.
func (n *node) has(t testing.TB, text string) {
	t.Helper()
	Eventually(t, "note "+text+" on "+n.Name, func() bool {
		got, err := n.SQL(within(t, Patience), "SELECT count(*) FROM notes WHERE note = '"+text+"'")
		return err == nil && got == "1"
	})
}

func (n *node) note(t testing.TB, text string) {
	t.Helper()
	n.sql(t, "INSERT INTO notes VALUES ('"+text+"')")
}

// readOnly fails the test if the node takes a write.
func (n *node) readOnly(t testing.TB) {
	t.Helper()
	if _, err := n.SQL(within(t, Patience), "CREATE TABLE forbidden (i int)"); err == nil {
		t.Fatalf("%s takes writes", n.Name)
	}
}

// signal sends the postmaster a signal.
func (n *node) signal(t testing.TB, sig syscall.Signal) {
	t.Helper()
	pid := int(n.observe(t).GetPostmasterPid())
	if pid <= 1 {
		t.Fatalf("%s has no postmaster", n.Name)
	}
	if err := syscall.Kill(pid, sig); err != nil {
		t.Fatalf("signal %v to the postmaster of %s: %v", sig, n.Name, err)
	}
}

// empty fails the test if the plugin does not say that no process is left, or if there is one.
func (n *node) empty(t testing.TB) *pluginv1.ObserveResponse {
	t.Helper()
	state := n.observe(t)
	if !state.GetEmpty() || state.GetPostmasterPid() != 0 {
		t.Errorf("%s is said to run still: %v", n.Name, state)
	}
	if left := processesIn(state.GetDataDir()); len(left) > 0 {
		t.Errorf("%s is said to be empty, but these processes are in %s: %v", n.Name, state.GetDataDir(), left)
	}
	return state
}

// processesIn lists processes that work in a directory, as every process of PostgreSQL does.
func processesIn(dir string) []int {
	links, err := filepath.Glob("/proc/[0-9]*/cwd")
	if err != nil || dir == "" {
		return nil
	}
	var pids []int
	for _, l := range links {
		if to, err := os.Readlink(l); err == nil && to == dir {
			if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(l))); err == nil {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}
