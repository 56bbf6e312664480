// SPDX-License-Identifier: Apache-2.0

package pluginhost

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"github.com/hashicorp/go-plugin/runner"
	"github.com/pgvigil/pgvigil/proto/handshake"
	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
	"google.golang.org/grpc"
)

const (
	// startTimeout bounds the start of a plugin up to its schema.
	startTimeout = 15 * time.Second
	// stopTimeout bounds each of the steps that end a plugin.
	stopTimeout = 3 * time.Second
	// exitGrace is how long a process that closed its stdout is given to end by itself.
	exitGrace = drainTime + 200*time.Millisecond
)

// session is one run of a plugin process, from its start to its end.
type session struct {
	spec    Spec
	client  *goplugin.Client
	process *process
	conn    *grpc.ClientConn
	base    pluginv1.BaseClient
	info    Info
	schema  Block

	// suspected wakes the supervision: a call got no answer in time.
	suspected  chan struct{}
	configured atomic.Bool
}

// startSession starts the plugin and asks who it is. What it cannot accept is a RefusedError.
func startSession(ctx context.Context, spec Spec, sp *spawner, log *slog.Logger) (*session, error) {
	path, err := trustedBinary(spec)
	if err != nil {
		return nil, err
	}
	s := &session{spec: spec, suspected: make(chan struct{}, 1)}
	s.launch(path, sp, newJournal(log.With("plugin", spec.Name)))
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := s.open(ctx); err != nil {
		err = s.explain(err)
		s.kill()
		return nil, err
	}
	return s, nil
}

// launch prepares the process and go-plugin's client for it; nothing runs yet.
func (s *session) launch(path string, sp *spawner, j *journal) {
	s.process = newProcess(s.spec, path, sp, j)
	s.client = goplugin.NewClient(&goplugin.ClientConfig{
		HandshakeConfig: goplugin.HandshakeConfig{
			ProtocolVersion:  handshake.ProtocolVersion,
			MagicCookieKey:   handshake.CookieKey,
			MagicCookieValue: handshake.CookieValue,
		},
		Plugins:          goplugin.PluginSet{handshake.PluginName: nil},
		AllowedProtocols: []goplugin.Protocol{goplugin.ProtocolGRPC},
		AutoMTLS:         s.spec.Transport != InsecureLocal,
		SkipHostEnv:      true,
		StartTimeout:     startTimeout,
		UnixSocketConfig: &goplugin.UnixSocketConfig{TempDir: s.spec.socketDir()},
		RunnerFunc:       s.runner,
		// Any other level lets a line of output panic this process (go-plugin 1.8.0, parseJSON).
		Logger:          hclog.New(&hclog.LoggerOptions{Level: hclog.Off, Output: io.Discard}),
		SyncStdout:      j.stream(),
		SyncStderr:      j.stream(),
		GRPCDialOptions: s.dialOptions(),
	})
}

// runner takes the environment go-plugin made and hands out the process. The socket goes into our directory
// itself: the one go-plugin makes below it only makes the path longer.
func (s *session) runner(_ hclog.Logger, cmd *exec.Cmd, _ string) (runner.Runner, error) {
	protocol := append(cmd.Env, goplugin.EnvUnixSocketDir+"="+s.spec.socketDir())
	s.process.cmd.Env = environment(os.Environ(), s.spec.Env, protocol)
	return s.process, nil
}

// open starts the process and negotiates. The process is killed when ctx ends before that: nothing else
// would end go-plugin's waiting.
func (s *session) open(ctx context.Context) error {
	defer context.AfterFunc(ctx, func() { _ = s.process.Kill(ctx) })()
	conn, err := connect(s.client)
	if err != nil {
		return errors.Join(err, ctx.Err())
	}
	s.conn, s.base = conn, pluginv1.NewBaseClient(conn)
	if s.info, err = s.askInfo(ctx); err != nil {
		return err
	}
	s.schema, err = s.askSchema(ctx)
	return err
}

// connect starts the process by go-plugin. A reply that go-plugin did not expect can make it panic.
func connect(client *goplugin.Client) (conn *grpc.ClientConn, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("handshake reply not understood: %v", r)
		}
	}()
	protocol, err := client.Client()
	if err != nil {
		return nil, err
	}
	c, ok := protocol.(*goplugin.GRPCClient)
	if !ok {
		return nil, fmt.Errorf("plugin speaks %s, must be grpc", client.Protocol())
	}
	return c.Conn, nil
}

// explain adds what the process said and how it ended, if it did so by itself.
func (s *session) explain(err error) error {
	var refused *RefusedError
	if errors.As(err, &refused) {
		return err
	}
	if s.process.ID() == "" {
		return err
	}
	patience := time.NewTimer(exitGrace)
	defer patience.Stop()
	select {
	case <-s.process.drained:
	case <-patience.C:
	}
	if state := s.process.exitState(); state != "" {
		err = fmt.Errorf("plugin %s did not start (%s): %w", s.spec.Name, state, err)
	} else {
		err = fmt.Errorf("plugin %s did not start: %w", s.spec.Name, err)
	}
	if last := s.process.journal.last(); last != "" {
		err = fmt.Errorf("%w; its last output:\n%s", err, last)
	}
	return err
}

// stop ends the plugin in order: Stop, then go-plugin's shutdown, then by force. It tells whether the process
// is gone.
func (s *session) stop() bool {
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	defer context.AfterFunc(ctx, func() { _ = s.process.Kill(ctx) })()
	_, _ = s.base.Stop(ctx, &pluginv1.StopRequest{})
	return s.end()
}

// kill ends the plugin by force and tells whether the process is gone.
func (s *session) kill() bool {
	_ = s.process.Kill(context.Background())
	return s.end()
}

// end releases what the session holds. It waits for the process, but not for ever: one that sleeps in the
// kernel does not even die by SIGKILL.
func (s *session) end() bool {
	done := make(chan struct{})
	go func() {
		defer close(done)
		endClient(s.client)
	}()
	patience := time.NewTimer(2 * stopTimeout)
	defer patience.Stop()
	select {
	case <-done:
		return true
	case <-patience.C:
		return false
	}
}

// endClient ends go-plugin's side; a client that panicked when it was opened may do so again.
func endClient(client *goplugin.Client) {
	defer func() { _ = recover() }()
	client.Kill()
}

// suspect asks the supervision to look after the plugin now.
func (s *session) suspect() {
	select {
	case s.suspected <- struct{}{}:
	default:
	}
}

// isSuspected takes a suspicion, if there is one.
func (s *session) isSuspected() bool {
	select {
	case <-s.suspected:
		return true
	default:
		return false
	}
}
