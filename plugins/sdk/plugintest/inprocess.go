// SPDX-License-Identifier: Apache-2.0

package plugintest

import (
	"context"
	"net"
	"testing"

	"github.com/pgvigil/pgvigil/plugins/sdk"
	"github.com/pgvigil/pgvigil/proto/handshake"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"
)

// InProcess serves p in the test's process and connects to it. When the test ends it is stopped.
func InProcess(t testing.TB, p sdk.Plugin) *grpc.ClientConn {
	t.Helper()
	server := grpc.NewServer(sdk.ServerOptions()...)
	if err := sdk.Register(server, p); err != nil {
		t.Fatalf("plugin cannot be served: %v", err)
	}
	listener := bufconn.Listen(1 << 16)
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	conn, err := grpc.NewClient("passthrough:plugin",
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(handshake.MaxMessageBytes)),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }))
	if err != nil {
		t.Fatalf("connection to the plugin: %v", err)
	}
	t.Cleanup(func() {
		stop(t, conn)
		_ = conn.Close()
		server.Stop()
		if err := <-served; err != nil {
			t.Errorf("server of the plugin: %v", err)
		}
	})
	return conn
}
