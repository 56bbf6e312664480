// SPDX-License-Identifier: Apache-2.0

package sdk

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime/debug"
	"sync"
	"time"

	hclog "github.com/hashicorp/go-hclog"
	plugin "github.com/hashicorp/go-plugin"
	"github.com/pgvigil/pgvigil/proto/handshake"
	"google.golang.org/grpc"
)

// exitGrace is how long a plugin may take to end once its server is down.
const exitGrace = 2 * time.Second

// Serve is the whole main function of a plugin; it does not return. Started by a supervisor it serves
// until it is told to shut down or the supervisor dies; started by hand it tells what it is.
//
// From here on stdout belongs to the handshake and whatever is printed goes to stderr; SIGINT, SIGHUP and
// SIGTERM, which reach plugins together with their supervisor, are ignored until Stop was called.
func Serve(p Plugin) {
	if err := p.check(); err != nil {
		fmt.Fprintf(os.Stderr, "plugin %q cannot be served:\n%v\n", p.Name, err)
		os.Exit(1)
	}
	if os.Getenv(handshake.CookieKey) != handshake.CookieValue {
		os.Exit(byHand(p, os.Args[1:], os.Stdout, os.Stderr))
	}
	slog.SetDefault(Logger())
	if err := serve(p); err != nil {
		slog.Error("plugin failed", "error", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// serve runs a plugin under a supervisor until it is over.
func serve(p Plugin) error {
	parent := os.Getppid()
	saveMemory()
	out, err := sealStdout()
	if err != nil {
		return fmt.Errorf("stdout: %w", err)
	}
	s := &server{base: newBase(p), seal: sync.OnceFunc(out.seal)}
	go s.followSignals()
	go s.followParent(parent)
	plugin.Serve(s.config())
	if s.grpc() == nil {
		return errors.New("no connection was offered")
	}
	s.finish()
	return nil
}

// saveMemory has the heap collected earlier than Go does, unless somebody decided otherwise: a plugin
// shares its host with a database and has little to do.
func saveMemory() {
	const goDefault, frugal = 100, 50
	if before := debug.SetGCPercent(frugal); before != goDefault || os.Getenv("GOGC") != "" {
		debug.SetGCPercent(before)
	}
}

// server is a plugin's process: the gRPC server that go-plugin runs, and what ends it.
type server struct {
	plugin.NetRPCUnsupportedPlugin
	base *base
	seal func()

	mu     sync.Mutex
	server *grpc.Server
}

func (s *server) config() *plugin.ServeConfig {
	return &plugin.ServeConfig{
		HandshakeConfig: plugin.HandshakeConfig{
			MagicCookieKey:   handshake.CookieKey,
			MagicCookieValue: handshake.CookieValue,
		},
		VersionedPlugins: map[int]plugin.PluginSet{
			handshake.ProtocolVersion: {handshake.PluginName: s},
		},
		GRPCServer: s.newGRPC,
		Logger:     hclog.New(&hclog.LoggerOptions{Level: hclog.Warn, Output: stderr{}, JSONFormat: true}),
	}
}

// newGRPC is called by go-plugin with the options that AutoMTLS needs.
func (s *server) newGRPC(opts []grpc.ServerOption) *grpc.Server {
	opts = append(opts, ServerOptions()...)
	opts = append(opts,
		grpc.ChainUnaryInterceptor(func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
			s.seal()
			return next(ctx, req)
		}),
		grpc.ChainStreamInterceptor(func(srv any, ss grpc.ServerStream, _ *grpc.StreamServerInfo, next grpc.StreamHandler) error {
			s.seal()
			return next(srv, ss)
		}))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.server = grpc.NewServer(opts...)
	return s.server
}

// ServerOptions are what every server of a plugin is made with: bounds on the size of messages, and a fixed window,
// so that no ping measures the bandwidth of a local socket.
func ServerOptions() []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.MaxRecvMsgSize(handshake.MaxMessageBytes),
		grpc.MaxSendMsgSize(handshake.MaxMessageBytes),
		grpc.InitialWindowSize(handshake.WindowBytes),
		grpc.InitialConnWindowSize(handshake.WindowBytes),
	}
}

// GRPCServer registers the services; called by go-plugin.
func (s *server) GRPCServer(_ *plugin.GRPCBroker, r *grpc.Server) error {
	s.base.register(r)
	return nil
}

// GRPCClient is there for go-plugin's interface; the supervisor has its own client.
func (s *server) GRPCClient(context.Context, *plugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, errors.New("plugin side only")
}

func (s *server) grpc() *grpc.Server {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.server
}

// finish stops the plugin in case nobody did; the process ends soon also when that hangs.
func (s *server) finish() {
	ctx, cancel := context.WithTimeout(context.Background(), exitGrace)
	defer cancel()
	done := make(chan error, 1)
	go func() {
		_, err := s.base.Stop(ctx, nil)
		done <- err
	}()
	select {
	case err := <-done:
		if err != nil {
			slog.Warn("plugin stopped with an error", "error", err)
		}
	case <-ctx.Done():
		slog.Warn("plugin did not stop in time")
	}
}
