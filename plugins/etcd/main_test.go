// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/pgvigil/pgvigil/plugins/etcd/internal/etcdtest"
	"github.com/pgvigil/pgvigil/plugins/sdk/plugintest"
	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func TestMain(m *testing.M) { etcdtest.Main(m) }

func TestConformanceInProcess(t *testing.T) {
	c := etcdtest.Start(t, 3, nil)
	plugintest.DCS(t, func(t testing.TB) *grpc.ClientConn {
		conn := plugintest.InProcess(t, plugin())
		configure(t, conn, map[string]any{"endpoints": c.Endpoints})
		return conn
	})
}

func TestConformanceOfTheBinary(t *testing.T) {
	c := etcdtest.Start(t, 3, nil)
	path := plugintest.Build(t, ".")
	plugintest.DCS(t, func(t testing.TB) *grpc.ClientConn {
		conn := plugintest.Binary(t, path)
		configure(t, conn, map[string]any{"endpoints": c.Endpoints})
		return conn
	})
}

func TestClientCertificate(t *testing.T) {
	certs := etcdtest.NewCertificates(t)
	c := etcdtest.Start(t, 1, certs)
	conn := plugintest.InProcess(t, plugin())
	tls := map[string]any{"ca_file": certs.CA, "cert_file": certs.ClientCert, "key_file": certs.ClientKey, "server_name": etcdtest.ServerName}
	configure(t, conn, map[string]any{"endpoints": c.Endpoints, "tls": tls})
	commit(t, conn, "/tls", "v")

	tls["server_name"] = "elsewhere.test"
	configure(t, conn, map[string]any{"endpoints": c.Endpoints, "tls": tls})
	refuses(t, conn, "another server name")

	tls["server_name"] = etcdtest.ServerName
	delete(tls, "cert_file")
	delete(tls, "key_file")
	configure(t, conn, map[string]any{"endpoints": c.Endpoints, "tls": tls})
	refuses(t, conn, "no client certificate")
}

func refuses(t *testing.T, conn *grpc.ClientConn, why string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	if _, err := pluginv1.NewDCSClient(conn).Read(ctx, &pluginv1.ReadRequest{Prefix: "/tls"}); status.Code(err) != codes.Unavailable {
		t.Errorf("%s: read ended with %v", why, err)
	}
}

// TestReconfigure moves to other endpoints while a watch stands; it goes on. The member that goes does not lead: a commit
// during an election may rightly have an unknown outcome.
func TestReconfigure(t *testing.T) {
	c := etcdtest.Start(t, 3, nil)
	leaves := (c.Leader(t) + 1) % 3
	stay := []string{c.Endpoints[(leaves+1)%3], c.Endpoints[(leaves+2)%3]}
	conn := plugintest.InProcess(t, plugin())
	configure(t, conn, map[string]any{"endpoints": []string{c.Endpoints[leaves]}})
	watch, err := pluginv1.NewDCSClient(conn).Watch(t.Context(), &pluginv1.WatchRequest{Prefix: "/r/"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := watch.Recv(); err != nil {
		t.Fatal(err)
	}
	commit(t, conn, "/r/1", "before")
	configure(t, conn, map[string]any{"endpoints": stay})
	c.Kill(leaves)
	commit(t, conn, "/r/2", "after")
	var seen []string
	for len(seen) < 2 {
		resp, err := watch.Recv()
		if err != nil {
			t.Fatal(err)
		}
		for _, ev := range resp.GetEvents() {
			seen = append(seen, ev.GetKeyValue().GetKey())
		}
	}
	if got := strings.Join(seen, " "); got != "/r/1 /r/2" {
		t.Errorf("saw %s", got)
	}
}

func TestHealthNamesTheTrouble(t *testing.T) {
	c := etcdtest.Start(t, 1, nil)
	conn := plugintest.InProcess(t, plugin())
	configure(t, conn, map[string]any{"endpoints": []string{c.Endpoints[0], "http://127.0.0.1:1"}})
	h, err := pluginv1.NewBaseClient(conn).Health(t.Context(), &pluginv1.HealthRequest{})
	if err != nil || !h.GetHealthy() || !strings.Contains(h.GetMessage(), "http://127.0.0.1:1: dial tcp") {
		t.Errorf("%v, %v", h, err)
	}
	c.Freeze(t, 0)
	defer c.Thaw(t, 0)
	begun := time.Now()
	h, err = pluginv1.NewBaseClient(conn).Health(t.Context(), &pluginv1.HealthRequest{})
	if err != nil || h.GetHealthy() || time.Since(begun) > time.Second {
		t.Errorf("%v, %v after %s", h, err, time.Since(begun))
	}
}

func configure(t testing.TB, conn *grpc.ClientConn, body map[string]any) {
	t.Helper()
	plugintest.Configure(t, conn, body, plugintest.Host(t, "m1"))
}

func commit(t *testing.T, conn *grpc.ClientConn, key, value string) {
	t.Helper()
	resp, err := pluginv1.NewDCSClient(conn).Commit(t.Context(), &pluginv1.CommitRequest{Writes: []*pluginv1.Write{{Key: key, Value: []byte(value)}}})
	if err != nil || resp.GetOutcome() != pluginv1.Outcome_OUTCOME_APPLIED {
		t.Fatalf("commit: %v, %v", resp, err)
	}
}
