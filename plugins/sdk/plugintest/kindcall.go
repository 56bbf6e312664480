// SPDX-License-Identifier: Apache-2.0

package plugintest

import (
	"context"
	"testing"
	"time"

	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// kindCall makes a call of the plugin's kind that can change nothing, and tells its status. A call that
// does not answer within two seconds because the product is not there counts as DEADLINE_EXCEEDED.
func kindCall(t testing.TB, conn *grpc.ClientConn) codes.Code {
	t.Helper()
	info, err := pluginv1.NewBaseClient(conn).Info(within(t, Patience), &pluginv1.InfoRequest{})
	if err != nil {
		t.Fatalf("info: %v", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	switch info.GetKind() {
	case pluginv1.Kind_KIND_DCS:
		_, err = pluginv1.NewDCSClient(conn).Commit(ctx, &pluginv1.CommitRequest{})
	case pluginv1.Kind_KIND_POSTGRES:
		err = observeOnce(ctx, conn)
	case pluginv1.Kind_KIND_ROUTER:
		_, err = pluginv1.NewRouterClient(conn).Apply(ctx, &pluginv1.RouterApplyRequest{})
	default:
		t.Fatalf("kind %s is unknown", info.GetKind())
	}
	return status.Code(err)
}

func observeOnce(ctx context.Context, conn *grpc.ClientConn) error {
	stream, err := pluginv1.NewPostgresClient(conn).Observe(ctx, &pluginv1.ObserveRequest{IntervalNs: int64(time.Second)})
	if err != nil {
		return err
	}
	_, err = stream.Recv()
	return err
}
