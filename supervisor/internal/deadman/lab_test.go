// SPDX-License-Identifier: Apache-2.0

package deadman_test

import (
	"context"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/pgvigil/pgvigil/supervisor/internal/deadman"
	"golang.org/x/sys/unix"
)

// patience bounds every wait of these tests; nothing is measured by it.
const patience = 20 * time.Second

// binDirs returns the PostgreSQL installations to test on: PGVIGIL_TEST_PG, or the newest of the host.
func binDirs(t *testing.T) []string {
	t.Helper()
	if env := os.Getenv("PGVIGIL_TEST_PG"); env != "" {
		return strings.Split(env, ":")
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err != nil || len(found) == 0 {
		t.Fatalf("no PostgreSQL found (set PGVIGIL_TEST_PG): %v", err)
	}
	newest := found[0]
	for _, dir := range found {
		if major(dir) > major(newest) {
			newest = dir
		}
	}
	return []string{newest}
}

func major(binDir string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(binDir)))
	return n
}

// lab is one PostgreSQL installation with a data directory that the tests use one after the other.
type lab struct {
	binDir   string
	root     string
	launcher string
	self     string // this test program, where every user can run it
	dataDir  string
	cred     *syscall.Credential // nil when the tests do not run as root
	runs     int
}

func newLab(t *testing.T, binDir string) *lab {
	t.Helper()
	root, err := os.MkdirTemp("/tmp", "dm")
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(root) })
	must(t, os.Chmod(root, 0o755))
	l := &lab{binDir: binDir, root: root, dataDir: filepath.Join(root, "data"), launcher: filepath.Join(root, "pgvigil-launcher")}
	l.dropTo(t, "postgres")
	l.self = l.copySelf(t)
	build := exec.Command("go", "build", "-o", l.launcher, "github.com/pgvigil/pgvigil/supervisor/cmd/pgvigil-launcher")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	output(t, build)
	output(t, l.command(filepath.Join(binDir, "initdb"), "-D", l.dataDir, "-A", "trust", "-U", "postgres", "-N"))
	return l
}

// dropTo makes the lab belong to a user that PostgreSQL agrees to run as.
func (l *lab) dropTo(t *testing.T, name string) {
	t.Helper()
	if os.Geteuid() != 0 {
		return
	}
	l.cred = credentialOf(t, name)
	must(t, os.Chown(l.root, int(l.cred.Uid), int(l.cred.Gid)))
}

func credentialOf(t *testing.T, name string) *syscall.Credential {
	t.Helper()
	u, err := user.Lookup(name)
	must(t, err)
	uid, err := strconv.Atoi(u.Uid)
	must(t, err)
	gid, err := strconv.Atoi(u.Gid)
	must(t, err)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

func (l *lab) copySelf(t *testing.T) string {
	t.Helper()
	exe, err := os.Executable()
	must(t, err)
	b, err := os.ReadFile(exe)
	must(t, err)
	path := filepath.Join(l.root, "self")
	must(t, os.WriteFile(path, b, 0o755))
	return path
}

// command runs as the lab's user, in a session of its own.
func (l *lab) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Dir = l.root
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Credential: l.cred}
	return cmd
}

// server is a launcher with PostgreSQL below it.
type server struct {
	*lab
	runDir     string
	client     *deadman.Client
	launcher   deadman.Process
	postmaster deadman.Process
	exitCode   chan int // of the launcher
}

// newRunDir makes a run directory that no test has used.
func (l *lab) newRunDir(t *testing.T) string {
	t.Helper()
	l.runs++
	dir := filepath.Join(l.root, "run"+strconv.Itoa(l.runs))
	must(t, os.Mkdir(dir, 0o755))
	if l.cred != nil {
		must(t, os.Chown(dir, int(l.cred.Uid), int(l.cred.Gid)))
	}
	return dir
}

// launch is the launcher's command line for PostgreSQL in runDir.
func (l *lab) launch(runDir string, extra ...string) *exec.Cmd {
	args := []string{"--run-dir", runDir, "--data-dir", l.dataDir, "--log", filepath.Join(runDir, "log"), "--",
		filepath.Join(l.binDir, "postgres"), "-D", l.dataDir, "-k", runDir, "-c", "listen_addresses=",
		"-c", "restart_after_crash=off", "-c", "fsync=off"}
	return l.command(l.launcher, append(args, extra...)...)
}

// start brings PostgreSQL up and sees to it that nothing outlives the test.
func (l *lab) start(t *testing.T, extra ...string) *server {
	t.Helper()
	s := &server{lab: l, runDir: l.newRunDir(t), exitCode: make(chan int, 1)}
	s.client = &deadman.Client{RunDir: s.runDir, DataDir: l.dataDir}
	cmd := l.launch(s.runDir, extra...)
	must(t, cmd.Start())
	go func() {
		_ = cmd.Wait()
		s.exitCode <- cmd.ProcessState.ExitCode()
	}()
	t.Cleanup(func() { must(t, s.client.Fence(limited(t))); showLog(t, s.runDir) })
	s.connect(t).Close(context.Background())
	st, err := s.client.Status(limited(t))
	must(t, err)
	s.launcher, s.postmaster = st.Launcher(), st.Postmaster()
	return s
}

func showLog(t *testing.T, runDir string) {
	if b, err := os.ReadFile(filepath.Join(runDir, "log")); t.Failed() && err == nil {
		t.Logf("log:\n%s", b)
	}
}

// connect returns a session as soon as PostgreSQL takes one.
func (s *server) connect(t *testing.T) *pgconn.PgConn {
	t.Helper()
	var conn *pgconn.PgConn
	eventually(t, "PostgreSQL accepts connections", func() bool {
		var err error
		conn, err = pgconn.Connect(limited(t), "host="+s.runDir+" user=postgres dbname=postgres sslmode=disable")
		return err == nil
	})
	return conn
}

// occupied reports whether PostgreSQL is seen in the data directory.
func (s *server) occupied(t *testing.T) bool {
	t.Helper()
	ps, err := deadman.Occupants(s.dataDir)
	must(t, err)
	return len(ps) > 0
}

// goneAt waits for the last process to go and returns when that was seen.
func (s *server) goneAt(t *testing.T) int64 {
	t.Helper()
	eventually(t, "no process is left", func() bool { return !s.occupied(t) })
	return deadman.BootNow()
}

// exit waits for the record of the end.
func (s *server) exit(t *testing.T) deadman.Exit {
	t.Helper()
	var e deadman.Exit
	eventually(t, "the exit is recorded", func() bool {
		var err error
		e, err = deadman.ReadExit(s.runDir)
		return err == nil
	})
	return e
}

func (s *server) signal(t *testing.T, sig unix.Signal, ps ...deadman.Process) {
	t.Helper()
	for _, p := range ps {
		must(t, p.Signal(sig))
	}
}

// stop sends SIGSTOP and waits until it has taken effect; on a process that was about to end it has none.
func (s *server) stop(t *testing.T, ps ...deadman.Process) {
	t.Helper()
	s.signal(t, unix.SIGSTOP, ps...)
	for _, p := range ps {
		eventually(t, "process is stopped", func() bool { return !p.Alive() || stateOf(t, p) == "T" })
	}
}

func stateOf(t *testing.T, p deadman.Process) string {
	t.Helper()
	b, err := os.ReadFile("/proc/" + strconv.Itoa(p.PID) + "/stat")
	must(t, err)
	_, after, _ := strings.Cut(string(b), ") ")
	return after[:1]
}

// in returns the instant d from now.
func in(d time.Duration) int64 { return deadman.BootNow() + int64(d) }

// eventually polls until cond holds.
func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(patience)
	for !cond() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("not seen in %s: %s", patience, what)
		}
	}
}

// reach waits for an instant.
func reach(at int64) {
	timer := time.NewTimer(time.Duration(at - deadman.BootNow()))
	defer timer.Stop()
	<-timer.C
}

func limited(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func output(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	b, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", cmd, err, b)
	}
	return string(b)
}
