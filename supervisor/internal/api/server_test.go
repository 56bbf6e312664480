// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pgvigil/pgvigil/supervisor/internal/api"
	"github.com/pgvigil/pgvigil/supervisor/internal/api/apitest"
	"github.com/pgvigil/pgvigil/supervisor/internal/core"
	"github.com/pgvigil/pgvigil/supervisor/internal/status"
)

// open serves on a free port of loopback until the test ends.
func open(t testing.TB, c api.Config) *api.Server {
	t.Helper()
	if c.Now == nil {
		c.Now = func() core.Instant { return apitest.Now }
	}
	s := api.New(c)
	if err := s.Serve(listener(t)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := s.Close(ctx); err != nil {
			t.Error(err)
		}
		if err := <-s.Done(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func listener(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func published(snap *status.Snapshot) *apitest.Source {
	source := &apitest.Source{}
	source.Publish(snap)
	return source
}

// TestHAProxyCheck sends what "option httpchk OPTIONS /master" sends.
func TestHAProxyCheck(t *testing.T) {
	source := published(apitest.Primary())
	server := open(t, api.Config{Source: source})
	if got := raw(t, server, "OPTIONS /master HTTP/1.0\r\n\r\n"); !strings.HasPrefix(got, "HTTP/1.0 200 OK") {
		t.Errorf("got %q", got)
	}
	if got := raw(t, server, "OPTIONS /replica HTTP/1.0\r\n\r\n"); !strings.HasPrefix(got, "HTTP/1.0 503 ") {
		t.Errorf("got %q", got)
	}
	if got := raw(t, server, "OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"); !strings.HasPrefix(got, "HTTP/1.1 404 ") {
		t.Errorf("got %q", got)
	}
	if got := raw(t, server, "GET /primary HTTP/1.1\r\nHost: x\r\nX: "+strings.Repeat("x", 64<<10)+"\r\n\r\n"); !strings.HasPrefix(got, "HTTP/1.1 431 ") {
		t.Errorf("got %.80q", got)
	}
}

func raw(t *testing.T, server *api.Server, request string) string {
	t.Helper()
	conn, err := net.Dial("tcp", server.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return line
}

// TestOwnAddressMayChangeSomething calls over the address that the server listens on.
func TestOwnAddressMayChangeSomething(t *testing.T) {
	source, took := published(apitest.Primary()), status.Request{}
	server := open(t, api.Config{Source: source, Operator: accepting(source, &took)})
	got, err := http.Post(fmt.Sprintf("http://%s/switchover?wait=false", server.Addr()), "application/json", strings.NewReader(`{"leader":"mdw"}`))
	if err != nil {
		t.Fatal(err)
	}
	got.Body.Close()
	if got.StatusCode != http.StatusAccepted || took.From != "mdw" {
		t.Errorf("got %s, took %v", got.Status, took)
	}
}

// TestManyAtOnce reads every document while snapshots change under the readers; run it with -race.
func TestManyAtOnce(t *testing.T) {
	source := published(apitest.Primary())
	server := open(t, api.Config{Source: source})
	paths := append(healthPaths(), "/patroni", "/cluster", "/metrics", "/v1/status", "/v1/why")
	var readers sync.WaitGroup
	for i := range 8 {
		readers.Go(func() {
			for j := range 100 {
				ask(server, http.MethodGet, paths[(i+j)%len(paths)])
			}
		})
	}
	snapshots := []*status.Snapshot{apitest.Standby(), apitest.Primary()}
	for i := range 1000 {
		source.Publish(snapshots[i%2])
	}
	readers.Wait()
}

// Ensure a check that comes before anything is known gets its answer when something is, or a "no" in the end.
func TestReady(t *testing.T) {
	ready, source := make(chan struct{}), published(nil)
	server := open(t, api.Config{Source: source, Ready: ready})
	answer := make(chan string)
	go func() { answer <- raw(t, server, "OPTIONS /primary HTTP/1.0\r\n\r\n") }()
	select {
	case got := <-answer:
		t.Errorf("answered before anything was known: %q", got)
	case <-time.After(50 * time.Millisecond):
	}
	source.Publish(apitest.Primary())
	close(ready)
	if got := <-answer; !strings.HasPrefix(got, "HTTP/1.0 200 ") {
		t.Errorf("got %q", got)
	}
	never := open(t, api.Config{Source: published(nil), Ready: make(chan struct{})})
	if got := raw(t, never, "OPTIONS /primary HTTP/1.0\r\n\r\n"); !strings.HasPrefix(got, "HTTP/1.0 503 ") {
		t.Errorf("got %q", got)
	}
}

// BenchmarkPrimary asks over kept-alive connections, client and server sharing the machine.
func BenchmarkPrimary(b *testing.B) {
	for _, method := range []string{http.MethodGet, http.MethodOptions} {
		b.Run(method, func(b *testing.B) {
			server := open(b, api.Config{Source: published(apitest.Primary())})
			request := fmt.Appendf(nil, "%s /primary HTTP/1.1\r\nHost: x\r\n\r\n", method)
			b.SetParallelism(32)
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) { askAgain(b, pb, server.Addr().String(), request) })
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "req/s")
		})
	}
}

func askAgain(b *testing.B, pb *testing.PB, address string, request []byte) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		b.Error(err)
		return
	}
	defer conn.Close()
	answer := make([]byte, 8<<10)
	for pb.Next() {
		if _, err := conn.Write(request); err != nil {
			b.Error(err)
			return
		}
		// The answer is small and written at once, so one read has it.
		if n, err := conn.Read(answer); err != nil || !strings.HasPrefix(string(answer[:n]), "HTTP/1.1 200") {
			b.Errorf("%v: %q", err, answer[:n])
			return
		}
	}
}
