// SPDX-License-Identifier: Apache-2.0

package peers

import (
	"bytes"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
)

// patience bounds every wait of these tests; nothing is measured by it.
const patience = 20 * time.Second

func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !holds(); pass(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not within %s", what, patience)
		}
	}
}

func bootNow() core.Instant {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &now); err != nil {
		panic(err)
	}
	return core.Instant(now.Nano())
}

// real makes a room with a real socket.
func real(t *testing.T, name, secret string) *Peers {
	t.Helper()
	p := New(Config{
		Cluster: "demo", Namespace: "/service", Name: name, Listen: "127.0.0.1:0", Secret: []byte(secret), Interval: 20 * core.Millisecond,
		ProbeGrace: 300 * core.Millisecond, Clock: bootNow, Log: slog.New(slog.DiscardHandler),
	})
	if err := p.Open(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

func record(p *Peers) core.Versioned[core.Member] {
	addr := p.socket.(*net.UDPConn).LocalAddr().(*net.UDPAddr).AddrPort()
	return core.Versioned[core.Member]{Rev: 1, Value: core.Member{Name: p.Name, API: addr.String(), Host: "localhost"}}
}

// Ensure two supervisors hear each other over real sockets, found by address or by name.
func TestRealSockets(t *testing.T) {
	a, b := real(t, "a", secret), real(t, "b", secret)
	byName := record(b)
	_, port, _ := net.SplitHostPort(byName.Value.API)
	byName.Value.API = "localhost:" + port
	book := []core.Versioned[core.Member]{record(a), byName}
	a.Meet(book)
	b.Meet(book)
	await(t, "beat", func() bool {
		a.Tell(&leading)
		return len(b.Heard()) == 1 && sameContent(b.Heard()[0].Beat, leading)
	})
	b.Promise(core.Promise{From: "b", To: "a", Epoch: 7, SentAt: b.Heard()[0].Beat.SentAt, For: core.Second})
	await(t, "promise", func() bool { return len(a.Heard()) == 1 && a.Heard()[0].Promise.For == core.Second })
	if c := a.Counts(); c.Sent == 0 || c.Unsent != 0 {
		t.Errorf("%+v", c)
	}
}

// Ensure an address that is in use is an error that names it.
func TestAddressInUse(t *testing.T) {
	a := real(t, "a", secret)
	b := New(Config{Name: "b", Listen: a.socket.(*net.UDPConn).LocalAddr().String()})
	if err := b.Open(); err == nil || !strings.Contains(err.Error(), b.Listen) {
		t.Errorf("error %v", err)
	}
}

// postmaster is something that answers, or not.
type postmaster struct {
	net.Listener
	mu     sync.Mutex
	answer string
	open   int
}

func newPostmaster(t *testing.T) (*postmaster, *core.Peer) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &postmaster{Listener: l, answer: "N"}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() { p.serve(conn) })
		}
	})
	t.Cleanup(func() { l.Close(); all.Wait() })
	at := netip.MustParseAddrPort(l.Addr().String())
	return p, &core.Peer{Name: "b", Host: at.Addr().String(), Port: at.Port()}
}

func (p *postmaster) serve(conn net.Conn) {
	defer conn.Close()
	p.change(func(p *postmaster) { p.open++ })
	defer p.change(func(p *postmaster) { p.open-- })
	question := make([]byte, 8)
	if _, err := conn.Read(question); err != nil {
		return
	}
	p.mu.Lock()
	answer := p.answer
	p.mu.Unlock()
	fmt.Fprint(conn, answer)
	_, _ = conn.Read(question) // until the other side leaves
}

func (p *postmaster) change(f func(*postmaster)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f(p)
}

// Ensure a probe tells the last answer, and is news when answers begin, and when they end.
func TestProbe(t *testing.T) {
	p := real(t, "a", secret)
	server, peer := newPostmaster(t)
	server.change(func(s *postmaster) { s.answer = "" })
	if p.Probed() != (core.Probe{}) {
		t.Errorf("%+v", p.Probed())
	}
	began := bootNow()
	p.Probe(peer)
	first := p.Probed()
	if first.Name != "b" || first.Since < began || first.AnsweredAt != 0 {
		t.Errorf("%+v", first)
	}
	<-p.Changed() // no answer for long
	p.Probe(peer)
	if again := p.Probed(); again != first {
		t.Errorf("%+v, was %+v", again, first)
	}
	server.change(func(s *postmaster) { s.answer = "N" })
	<-p.Changed() // the first answer
	if at := p.Probed().AnsweredAt; at < first.Since || at > bootNow() {
		t.Errorf("answered at %d, asked since %d", at, first.Since)
	}
	server.change(func(s *postmaster) { s.answer = "G" })
	next := p.Probed().AnsweredAt
	await(t, "next answer", func() bool { return p.Probed().AnsweredAt > next })
	server.change(func(s *postmaster) { s.answer = "x" })
	<-p.Changed() // no answer any more
	p.Probe(nil)
	if p.Probed() != (core.Probe{}) {
		t.Errorf("%+v", p.Probed())
	}
	await(t, "end of the last question", func() bool { server.mu.Lock(); defer server.mu.Unlock(); return server.open == 0 })
}

// Ensure nobody who does not answer counts as PostgreSQL, and no question takes long.
func TestAsk(t *testing.T) {
	server, peer := newPostmaster(t)
	target := net.JoinHostPort(peer.Host, strconv.Itoa(int(peer.Port)))
	for answer, ok := range map[string]bool{"N": true, "G": true, "E": true, "S": false, "H": false, "": false} {
		server.change(func(s *postmaster) { s.answer = answer })
		began := time.Now()
		err := Ask(t.Context(), target)
		if (err == nil) != ok || time.Since(began) > patience {
			t.Errorf("answer %q: error %v after %s", answer, err, time.Since(began))
		}
	}
	server.Close()
	if err := Ask(t.Context(), target); err == nil {
		t.Error("nobody is there and answers")
	}
}

// binDirs returns the PostgreSQL installations to test on: PGVIGIL_TEST_PG, or those of the host.
func binDirs(t *testing.T) []string {
	t.Helper()
	if env := os.Getenv("PGVIGIL_TEST_PG"); env != "" {
		return strings.Split(env, ":")
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err != nil || len(found) == 0 {
		t.Fatalf("no PostgreSQL found (set PGVIGIL_TEST_PG): %v", err)
	}
	return found
}

// Ensure probes of a real PostgreSQL are answered, and leave nothing in its log and no connection behind, with TLS and without.
func TestProbeIsSilent(t *testing.T) {
	for _, bin := range binDirs(t) {
		for _, tls := range []string{"off", "on"} {
			t.Run(filepath.Base(filepath.Dir(bin))+" ssl "+tls, func(t *testing.T) { silentProbe(t, bin, tls) })
		}
	}
}

func silentProbe(t *testing.T, bin, tls string) {
	server := startPostgres(t, bin, tls)
	before := server.text(t)
	const times = 100
	for range times {
		if err := Ask(t.Context(), server.addr); err != nil {
			t.Fatal(err)
		}
	}
	await(t, "end of all connections", func() bool { return server.backends(t) == 0 })
	if log := strings.TrimPrefix(server.text(t), before); log != "" {
		t.Errorf("PostgreSQL wrote:\n%s", log)
	}
	if left := connections(t, server.addr); left > times/10 {
		t.Errorf("%d connections are left", left)
	}
}

// postgres is a real server.
type postgres struct {
	dir, addr string
	process   *os.Process
}

func startPostgres(t *testing.T, bin, tls string) *postgres {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "pgvigil-probe")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	cred := serverUser(t, dir)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &postgres{dir: dir, addr: l.Addr().String()}
	l.Close()
	_, port, _ := net.SplitHostPort(s.addr)
	run(t, cred, filepath.Join(bin, "initdb"), "-D", dir+"/data", "-A", "reject", "--no-sync")
	if tls == "on" {
		run(t, cred, "openssl", "req", "-new", "-x509", "-days", "2", "-nodes", "-subj", "/CN=x", "-out", dir+"/data/server.crt", "-keyout", dir+"/data/server.key")
	}
	log, err := os.Create(dir + "/log")
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command(filepath.Join(bin, "postgres"), "-D", dir+"/data", "-p", port, "-c", "listen_addresses=127.0.0.1",
		"-c", "unix_socket_directories=", "-c", "ssl="+tls, "-c", "autovacuum=off", "-c", "checkpoint_timeout=1d")
	cmd.Stderr, cmd.Dir, cmd.SysProcAttr = log, dir, &syscall.SysProcAttr{Credential: cred}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s.process = cmd.Process
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGQUIT)
		_ = cmd.Wait()
	})
	await(t, "start of PostgreSQL", func() bool { return strings.Contains(s.text(t), "ready to accept connections") })
	return s
}

// serverUser is the user PostgreSQL runs as, and may write the directory: nil unless the tests run as root.
func serverUser(t *testing.T, dir string) *syscall.Credential {
	t.Helper()
	if os.Geteuid() != 0 {
		return nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		t.Fatal(err)
	}
	uid, _ := strconv.Atoi(u.Uid)
	gid, _ := strconv.Atoi(u.Gid)
	if err := os.Chown(dir, uid, gid); err != nil {
		t.Fatal(err)
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

func run(t *testing.T, cred *syscall.Credential, name string, args ...string) {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.SysProcAttr = "/tmp", &syscall.SysProcAttr{Credential: cred}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
}

func (s *postgres) text(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(s.dir + "/log")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// backends counts the processes that serve connections, or are about to.
func (s *postgres) backends(t *testing.T) int {
	t.Helper()
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", s.process.Pid, s.process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, pid := range strings.Fields(string(children)) {
		title, _ := os.ReadFile("/proc/" + pid + "/cmdline") // a process that has ended has none
		if bytes.Contains(title, []byte("127.0.0.1")) {
			n++
		}
	}
	return n
}

// connections counts the TCP connections to an address that the kernel remembers, whatever their state.
func connections(t *testing.T, addr string) int {
	t.Helper()
	at := netip.MustParseAddrPort(addr)
	text, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) > 2 && strings.HasSuffix(f[2], fmt.Sprintf(":%04X", at.Port())) {
			n++
		}
	}
	return n
}

// Ensure the kernel's alarm rings when it is not set anew, and only then.
func TestKernelAlarm(t *testing.T) {
	var running sync.WaitGroup
	rang := make(chan struct{}, 100)
	a, err := newKernelAlarm(running.Go, func() { rang <- struct{}{} })
	if err != nil {
		t.Fatal(err)
	}
	a.set(time.Hour)
	a.set(time.Millisecond)
	<-rang
	a.set(time.Hour)
	a.set(time.Millisecond)
	<-rang
	a.set(time.Hour)
	a.set(0)
	if len(rang) != 0 {
		t.Error("rang again")
	}
	a.close()
	running.Wait()
	a.set(time.Millisecond) // in vain, and harmless
}
