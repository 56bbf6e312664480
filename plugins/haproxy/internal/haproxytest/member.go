// SPDX-License-Identifier: Apache-2.0

package haproxytest

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pgvigil/pgvigil/plugins/sdk/plugintest"
	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
)

// Roles a member's health checks can tell.
const (
	Primary = "primary"
	Replica = "replica"
	Nothing = "nothing"
	// Silent takes checks and does not answer them.
	Silent = "silent"
)

// Member is a member as HAProxy sees it: a port that says the member's name and echoes lines, in place of
// PostgreSQL, and the health checks of pgvigild.
type Member struct {
	Name string
	role atomic.Value
	data net.Listener
	rest net.Listener
}

// NewMember starts a member on loopback. It ends with the test.
func NewMember(t testing.TB, name, role string) *Member {
	t.Helper()
	m := &Member{Name: name, data: listen(t), rest: listen(t)}
	m.Be(role)
	go m.serveData()
	ended := make(chan struct{})
	server := &http.Server{
		ReadHeaderTimeout: plugintest.Patience,
		Handler:           http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { m.check(w, r, ended) }),
	}
	go func() { _ = server.Serve(m.rest) }()
	t.Cleanup(func() {
		close(ended)
		_ = server.Close()
		_ = m.data.Close()
	})
	return m
}

// Be sets what the health checks tell from now on.
func (m *Member) Be(role string) { m.role.Store(role) }

// Endpoint is the member as it stands in routes.
func (m *Member) Endpoint() *pluginv1.Endpoint {
	a := m.data.Addr().(*net.TCPAddr)
	return &pluginv1.Endpoint{Name: m.Name, Host: a.IP.String(), Port: uint32(a.Port)}
}

// Line is the member's server line.
func (m *Member) Line() string {
	return fmt.Sprintf("  server %s %s check port %d\n", m.Name, m.data.Addr(), m.Check())
}

// Check is the port of the health checks.
func (m *Member) Check() int { return m.rest.Addr().(*net.TCPAddr).Port }

func (m *Member) check(w http.ResponseWriter, r *http.Request, ended <-chan struct{}) {
	role := m.role.Load().(string)
	switch {
	case role == Silent:
		select {
		case <-r.Context().Done():
		case <-ended:
		}
	case role == Primary && (r.URL.Path == "/master" || r.URL.Path == "/primary"), role == Replica && r.URL.Path == "/replica":
	default:
		w.WriteHeader(http.StatusServiceUnavailable)
	}
}

func (m *Member) serveData() {
	for {
		conn, err := m.data.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			if _, err := fmt.Fprintln(conn, m.Name); err == nil {
				_, _ = io.Copy(conn, conn)
			}
		}()
	}
}

// Session is a client's connection through HAProxy.
type Session struct {
	conn net.Conn
	// Member is the name of the member it reached; empty if HAProxy had none.
	Member string
}

// Connect connects to a frontend by the path of its socket.
func Connect(t testing.TB, path string) *Session {
	t.Helper()
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatalf("connection through HAProxy: %v", err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(plugintest.Patience))
	name, _ := bufio.NewReader(conn).ReadString('\n')
	return &Session{conn, strings.TrimSpace(name)}
}

// Ended waits until the session is cut and tells whether it was.
func (s *Session) Ended() bool {
	_, err := s.conn.Read(make([]byte, 1))
	return err != nil && !isTimeout(err)
}

// Alive tells whether the session still answers.
func (s *Session) Alive() bool {
	if _, err := s.conn.Write([]byte("x")); err != nil {
		return false
	}
	_, err := io.ReadFull(s.conn, make([]byte, 1))
	return err == nil
}

func isTimeout(err error) bool {
	n, ok := err.(net.Error)
	return ok && n.Timeout()
}

func listen(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("listener: %v", err)
	}
	return l
}
