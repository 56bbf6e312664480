// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
	"github.com/pgvigil/pgvigil/supervisor/internal/loop"
	"github.com/pgvigil/pgvigil/supervisor/internal/status"
)

// manager is systemd's end of the notification socket.
type manager struct {
	*testing.T
	socket *net.UnixConn
	path   string
}

func newManager(t *testing.T) *manager {
	path := filepath.Join(place(t), "notify")
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { socket.Close() })
	t.Setenv("NOTIFY_SOCKET", path)
	return &manager{t, socket, path}
}

// heard checks the next datagram.
func (m *manager) heard(want string) {
	m.Helper()
	buffer := make([]byte, 4096)
	if err := m.socket.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
		m.Fatal(err)
	}
	size, err := m.socket.Read(buffer)
	if got := string(buffer[:size]); err != nil || !regexp.MustCompile("^(?:"+want+")$").MatchString(got) {
		m.Errorf("datagram %q, want %q, error %v", got, want, err)
	}
}

// leading is a snapshot of an open leader.
func leading(left core.Span) *status.Snapshot {
	v := &core.View{}
	v.Epoch.Value.Epoch, v.Cohort.Value = 7, core.Cohort{Epoch: 7, Members: []string{"a", "b", "c"}, K: 1}
	return &status.Snapshot{
		Name: "a", View: v, At: core.Instant(core.Second), Hold: core.Hold{Epoch: 7, Deadline: core.Instant(core.Second + left)},
		Postgres: &core.Postgres{Status: core.StatusRunning, Role: core.RolePrimary}, Reason: core.Reason{Rule: "P-100"},
	}
}

// Ensure systemd hears READY with the first tick, news at once, numbers with the beat only, and of a reload in the form it
// demands: one datagram with the time it began.
func TestNotify(t *testing.T) {
	m := newManager(t)
	t.Setenv("WATCHDOG_USEC", "6000000")
	t.Setenv("WATCHDOG_PID", fmt.Sprint(os.Getpid()))
	n := newNotifier((&journal{}).logger(), 30*time.Second)
	n.ticked(&status.Snapshot{Reason: core.Reason{Rule: "P-030", Sentence: "Wait."}})
	m.heard(`READY=1\nWATCHDOG=1\nSTATUS=PostgreSQL not known yet, P-030: Wait`)
	n.ticked(leading(2900 * core.Millisecond))
	m.heard(`STATUS=leader, epoch 7, any 1 of b c acknowledge, 2\.9 s of the lease left`)
	n.ticked(leading(2100 * core.Millisecond)) // nothing new
	n.last = time.Now().Add(-n.every())
	n.ticked(leading(1200 * core.Millisecond))
	m.heard(`WATCHDOG=1\nSTATUS=leader, .* 1\.2 s of the lease left`)
	n.reloading()
	n.reloaded()
	m.heard(`RELOADING=1\nMONOTONIC_USEC=[1-9]\d+`)
	m.heard(`READY=1`)
	n.stops()
	m.heard(`STOPPING=1\nEXTEND_TIMEOUT_USEC=30000000`)
	n.last = time.Now().Add(-n.every())
	n.ticked(leading(core.Second))
	m.heard(`WATCHDOG=1\nEXTEND_TIMEOUT_USEC=30000000\nSTATUS=leader, .*`)
	if n.every() != 2*time.Second {
		t.Errorf("a beat every %s of a watchdog of 6 s", n.every())
	}
	select {
	case <-n.started:
	default:
		t.Error("reloads would wait for ever")
	}
}

// Ensure a supervisor that hangs is ended while its leadership lasts, if a short one leaves time for it.
func TestSoonerThanUnit(t *testing.T) {
	for ttl, want := range map[time.Duration]string{8 * time.Second: "4000000", 3 * time.Second: "3000000"} {
		m := newManager(t)
		t.Setenv("WATCHDOG_USEC", "10000000")
		t.Setenv("WATCHDOG_PID", fmt.Sprint(os.Getpid()))
		n := newNotifier((&journal{}).logger(), ttl)
		n.ticked(&status.Snapshot{Reason: core.Reason{Rule: "P-030", Sentence: "Wait."}})
		m.heard(`READY=1\nWATCHDOG_USEC=` + want + `\nWATCHDOG=1\nSTATUS=.*`)
		n.pace(ttl)
		n.pace(30 * time.Second)
		m.heard(`WATCHDOG_USEC=10000000`)
	}
}

// Ensure a systemd that hangs keeps nobody waiting.
func TestManagerHangs(t *testing.T) {
	m := newManager(t) // reads nothing
	n := newNotifier((&journal{}).logger(), 30*time.Second)
	defer n.delivery.Wait()
	defer m.socket.Close()
	defer close(n.outbox)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 100_000 { // more than fit into any socket
			n.reloaded()
		}
	}()
	select {
	case <-done:
	case <-time.After(30 * time.Second):
		t.Error("the notifier waits for systemd")
	}
}

// Ensure nothing is said, and reloads do not wait, where nobody listens.
func TestNobodyListens(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	n := newNotifier((&journal{}).logger(), 30*time.Second)
	n.ticked(leading(core.Second))
	<-n.started
	if n.said != (statusLine{}) {
		t.Errorf("said %q", n.said)
	}
}

// Ensure a status line says what the member is and what it lacks.
func TestStatusLine(t *testing.T) {
	standby := leading(0)
	standby.Hold = core.Hold{}
	standby.Postgres = &core.Postgres{Status: core.StatusRunning, Role: core.RoleStandby, Received: 10 << 20, Replayed: 8<<20 - 1}
	standby.View.Leader.Value.Holder, standby.LeaderLive, standby.Reason.Rule = "b", true, "S-210"

	alone := *standby
	alone.LeaderLive, alone.Reason = false, core.Reason{Rule: "V-130", Sentence: "No watchdog."}
	alone.Watchdog = status.Watchdog{Failed: true, Message: "no such device"}

	crashed := *standby
	crashed.Postgres = &core.Postgres{Status: core.StatusCrashed}
	crashed.Job = &core.Job{Kind: core.ActClone}
	crashed.Plugins = []status.Plugin{{Name: "etcd", Up: true}, {Name: "haproxy"}}

	stray := leading(0)
	stray.Hold = core.Hold{}
	stray.View.Config.Value.Paused = true

	for want, s := range map[string]*status.Snapshot{
		"standby of b, epoch 7, lag 2049 kB":                                   standby,
		"standby, epoch 7, lag 2049 kB, V-130: No watchdog; no such device":    &alone,
		"PostgreSQL crashed, epoch 7, clone under way; plugin haproxy is down": &crashed,
		"primary, not leading, epoch 7, paused":                                stray,
		"leader, epoch 7, any 1 of b c acknowledge, 0.5 s of the lease left":   leading(core.Second / 2),
	} {
		if got := describe(s).String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// Ensure the rules that the status line leaves out are there.
func TestWellRules(t *testing.T) {
	for _, id := range wellRules() {
		known := slices.ContainsFunc(core.Table(), func(s core.SectionDoc) bool {
			return slices.ContainsFunc(s.Rules, func(r core.RuleDoc) bool { return r.ID == id })
		})
		if !known {
			t.Errorf("no rule %s", id)
		}
	}
}

// Ensure whoever looks with systemctl at a supervisor whose configuration was refused reads in one line why.
func TestRefusedStatus(t *testing.T) {
	dir := place(t)
	m := newManager(t)
	cmd := exec.CommandContext(t.Context(), built("pgvigild"), "--config", write(t, dir, "c.hcl", "cluster {}\n"))
	if _, err := cmd.Output(); err == nil || cmd.ProcessState.ExitCode() != ExitConfig {
		t.Errorf("ended with %v", err)
	}
	m.heard(`STATUS=configuration refused: ` + regexp.QuoteMeta(strings.TrimSuffix(dir, "/")) + `/c\.hcl:1:[^\n]+`)
}

func refusedError() error { return fmt.Errorf("%w: another supervisor", loop.ErrRefused) }
