// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pgvigil/pgvigil/supervisor/internal/config"
	"github.com/pgvigil/pgvigil/supervisor/internal/core"
	"github.com/pgvigil/pgvigil/supervisor/internal/pluginhost"
)

const routerBlock = `router "example" { path = %q }`

// reloading is a daemon whose one running plugin is the example router.
type reloading struct {
	*Daemon
	dir, file string
	journal   *journal
	c         *configurer
	router    *pluginhost.Plugin
}

// newReloading opens the host; the plugin's binary is there only if installed.
func newReloading(t *testing.T, installed bool) *reloading {
	t.Helper()
	dir := place(t)
	r := &reloading{dir: dir, journal: &journal{}}
	r.file = write(t, dir, "c.hcl", document(dir, "127.0.0.1:8008", fmt.Sprintf(routerBlock, dir+"/routes")))
	if installed {
		r.install(t)
	}
	cfg := load(t, r.file)
	r.Daemon = &Daemon{
		Config: cfg, Log: r.journal.logger(), Level: new(slog.LevelVar),
		Load: func() (*config.Config, *config.Diagnostics) { return config.Load(r.file) },
	}
	specs := slices.DeleteFunc(Specs(cfg), func(s pluginhost.Spec) bool { return !s.Optional })
	r.c = newConfigurer(r.Log, specs)
	if err := r.c.host.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.c.host.Close() })
	r.router = r.c.host.Plugin("example")
	return r
}

func (r *reloading) install(t *testing.T) {
	t.Helper()
	install(t, filepath.Join(r.dir, "plugins"), "pgvigil-plugin-example")
}

// is tells whether the router is up and configured to write to a file of the directory.
func (r *reloading) is(path string) bool {
	return r.router.Status().Configured && strings.Contains(string(r.c.inForce["example"]), path)
}

// rewrite gives the router another block, and more beside it.
func (r *reloading) rewrite(t *testing.T, block, more string) {
	t.Helper()
	write(t, r.dir, "c.hcl", document(r.dir, "127.0.0.1:8008", block+"\n"+more))
}

func (r *reloading) begin(t *testing.T) {
	t.Helper()
	await(t, "plugin", func() bool { return r.router.Status().Up })
	if err := r.configure(t.Context(), r.c); err != nil {
		t.Fatal(err)
	}
}

// reloadedLoop notes what a reload asks of the loop, and of the watchdog.
type reloadedLoop struct {
	policies  []core.Policy
	reapplied int
	timeout   time.Duration
}

func (l *reloadedLoop) SetPolicy(p core.Policy) { l.policies = append(l.policies, p) }

func (l *reloadedLoop) Reapply() { l.reapplied++ }

func (l *reloadedLoop) Retime(timeout, _ time.Duration) core.Span {
	l.timeout = timeout
	return core.Span(timeout)
}

func (r *reloading) reload(t *testing.T, l *reloadedLoop) {
	t.Helper()
	(&reloader{r.Daemon, r.c, l, l, newNotifier(r.Log, r.Config.Timing.TTL)}).reload(t.Context())
}

// Ensure a reload brings bodies and the log level in force, says what needs a restart, and brings PostgreSQL's
// settings in force again.
func TestReload(t *testing.T) {
	r := newReloading(t, true)
	r.begin(t)
	if !r.is("/routes") {
		t.Fatalf("in force: %s", r.c.inForce)
	}
	r.rewrite(t, `router "example" { path = "/tmp/others" }`, "log { level = \"warn\" }\ntags { noloadbalance = true }")
	l := &reloadedLoop{}
	r.reload(t, l)
	if !r.is("/tmp/others") || r.Level.Level() != slog.LevelWarn || l.reapplied != 1 {
		t.Errorf("in force: %s, level %s, reapplied %d times", r.c.inForce, r.Level.Level(), l.reapplied)
	}
	if !r.journal.has("needs a restart") || !r.journal.has("changed=tags") {
		t.Error("not said what needs a restart")
	}
}

// Ensure durability and ttl come in force with a reload, and a secret of heartbeats that became unusable is an error.
func TestReloadDurability(t *testing.T) {
	r := newReloading(t, true)
	r.begin(t)
	secret := write(t, r.dir, "secret", "correct horse battery staple")
	text := document(r.dir, "127.0.0.1:8008", fmt.Sprintf("heartbeats { secret_file = %q }", secret))
	text = strings.Replace(text, `{ member = "a"`, "{\nmember = \"a\"\nttl = \"20s\"\ndurability = \"quorum\"\nsynchronous_standbys = 2\nmin_sync = 0\nsuspect_after = \"1s\"\n", 1)
	write(t, r.dir, "c.hcl", text)
	l := &reloadedLoop{}
	r.reload(t, l)
	if len(l.policies) != 1 {
		t.Fatalf("%+v", l)
	}
	if p := l.policies[0]; !p.Quorum || p.SyncStandbys != 2 || p.MinSync != 0 || p.SuspectAfter != core.Second || p.TTL != 20*core.Second || p.Watchdog != 15*core.Second {
		t.Errorf("%+v", p)
	}
	if told := core.Span(r.c.ttl.Load()); l.timeout != 15*time.Second || told != 20*core.Second {
		t.Errorf("watchdog of %s, plugins are told a ttl of %s", l.timeout, told)
	}
	if !r.journal.has("heartbeats") {
		t.Error("not said what needs a restart")
	}
	write(t, r.dir, "secret", "short")
	r.reload(t, l)
	if len(l.policies) != 1 || !r.journal.has("too short") {
		t.Errorf("%+v", l)
	}
}

// Ensure nothing of a configuration with an error is brought in force, whoever finds the error.
func TestReloadRefused(t *testing.T) {
	for name, block := range map[string]string{
		"the file":   `router "example" { path = "/tmp/others"`,
		"the schema": `router "example" { pth = "/tmp/others" }`,
		"the plugin": `router "example" { path = "others" }`,
	} {
		t.Run(name, func(t *testing.T) {
			r := newReloading(t, true)
			r.begin(t)
			r.rewrite(t, block, `log { level = "warn" }`)
			l := &reloadedLoop{}
			r.reload(t, l)
			if l.reapplied != 0 || l.policies != nil {
				t.Errorf("%+v", l)
			}
			if !r.is("/routes") || r.Level.Level() != slog.LevelInfo || !r.journal.has("configuration not reloaded, the one in force stays") {
				t.Errorf("in force: %s, level %s", r.c.inForce, r.Level.Level())
			}
		})
	}
}

// Ensure a router that is down keeps nobody from starting, and is configured when it is up.
func TestRouterDown(t *testing.T) {
	r := newReloading(t, false)
	if err := r.configure(t.Context(), r.c); err != nil {
		t.Fatal(err)
	}
	if !r.journal.has("router is down, it is configured when it is up") {
		t.Error("not said")
	}
	r.install(t)
	await(t, "router configured", func() bool { return r.router.Status().Configured && r.journal.has("router configured") })
	r.c.giveUpLate()
}

// Ensure a router that comes up late gets the reloaded body, not the one of the start.
func TestRouterDownReload(t *testing.T) {
	r := newReloading(t, false)
	if err := r.configure(t.Context(), r.c); err != nil {
		t.Fatal(err)
	}
	r.rewrite(t, `router "example" { path = "others" }`, "")
	r.reload(t, &reloadedLoop{})
	r.install(t)
	await(t, "verdict", func() bool { return r.journal.has("router refused its configuration") })
	if r.router.Status().Configured {
		t.Error("configured all the same")
	}
	r.c.giveUpLate()
}

// Ensure what only a restart brings in force is named, and what a reload does is not.
func TestNeedRestart(t *testing.T) {
	dir := place(t)
	router := fmt.Sprintf(routerBlock, "/x")
	started := load(t, write(t, dir, "a.hcl", document(dir, "127.0.0.1:8008", router)))
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"nothing":       {document(dir, "127.0.0.1:8008", router), nil},
		"plugin's body": {document(dir, "127.0.0.1:8008", fmt.Sprintf(routerBlock, "/y")), nil},
		"log level":     {document(dir, "127.0.0.1:8008", router+"\nlog { level = \"debug\" }"), nil},
		"listen":        {document(dir, "127.0.0.1:8009", router), []string{"api.listen", "api.connect"}},
		"cluster": {strings.Replace(document(dir, "127.0.0.1:8008", router), `{ member = "a" }`, "{\n member = \"b\"\n ttl = \"5s\"\n}", 1),
			[]string{"cluster.member"}},
		"watchdog":    {document(dir, "127.0.0.1:8008", router+"\nwatchdog {\nmode = \"off\"\nsafety_margin = \"7s\"\n}"), []string{"watchdog.mode"}},
		"plugin gone": {document(dir, "127.0.0.1:8008", ""), []string{`router "example" (removed)`}},
		"plugin new":  {document(dir, "127.0.0.1:8008", router+"\nrouter \"haproxy\" {}"), []string{`router "haproxy" (new)`}},
		"plugin run differently": {document(dir, "127.0.0.1:8008", "router \"example\" {\n path = \"/x\"\n plugin { args = [\"-v\"] }\n}"),
			[]string{`router "example" (how its plugin is run)`}},
	} {
		fresh := load(t, write(t, dir, "b.hcl", c.text))
		if diff := cmp.Diff(c.want, needRestart(started, fresh)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// Ensure an exit status can be relied on.
func TestExitStatus(t *testing.T) {
	for want, err := range map[int]error{0: nil, 1: os.ErrClosed, 78: fmt.Errorf("x: %w", ErrConfig), 6: refusedError()} {
		if got := ExitStatus(err); got != want {
			t.Errorf("%v: %d", err, got)
		}
	}
}
