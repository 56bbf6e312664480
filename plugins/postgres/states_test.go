// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/pgvigil/pgvigil/plugins/sdk/plugintest"
	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
)

func TestBase(t *testing.T) {
	path, launcher := build(t)
	host := plugintest.Host(t, "alpha")
	host.Launcher = launcher
	plugintest.Base(t, plugintest.Subject{
		Connect: func(t testing.TB) *grpc.ClientConn { return plugintest.Binary(t, path) },
		Host:    host,
		Body: map[string]any{
			"listen": "127.0.0.1:5999", "connect": "127.0.0.1:5999", "bin_dir": versions(t)[0],
			"data_dir":    filepath.Join(filepath.Dir(filepath.Dir(host.GetRunDir())), "data"),
			"superuser":   map[string]any{"password": superPassword},
			"replication": map[string]any{"password": replPassword},
		},
	})
}

// A directory with something else in it, or of another version, is refused with a reason and not touched.
func TestUnusableDirectory(t *testing.T) {
	eachVersion(t, func(t *testing.T, bin string) {
		h := newHost(t, bin, "alpha")
		a := osAccount(t)
		must(t, "directory", os.Mkdir(h.dataDir(), 0o700))
		must(t, "owner", a.Own(h.dataDir()))
		h.awaitStatus(t, pluginv1.Status_STATUS_ABSENT)
		photo := filepath.Join(h.dataDir(), "holiday.jpg")
		must(t, "file", os.WriteFile(photo, []byte("beach"), 0o600))
		h.unusable(t, "not a data directory")
		for what, err := range map[string]error{
			"bootstrap": finish(h.client().Bootstrap(within(t), &pluginv1.BootstrapRequest{Epoch: 1})),
			"clone":     finish(h.client().Clone(within(t), &pluginv1.CloneRequest{Epoch: 1, Source: h.peer()})),
			"start":     h.tryStart(t, nil),
		} {
			if status.Code(err) != codes.FailedPrecondition {
				t.Errorf("%s: %v", what, err)
			}
		}
		must(t, "file", os.Remove(photo))
		h.bootstrap(t)
		h.awaitStatus(t, pluginv1.Status_STATUS_STOPPED)
		must(t, "version", os.WriteFile(filepath.Join(h.dataDir(), "PG_VERSION"), []byte("9\n"), 0o600))
		h.unusable(t, "data directory is of PostgreSQL 9")
	})
}

func (h *host) unusable(t *testing.T, message string) {
	t.Helper()
	h.await(t, "unusable: "+message, func(o *pluginv1.ObserveResponse) bool {
		return o.GetStatus() == pluginv1.Status_STATUS_UNUSABLE && strings.Contains(o.GetMessage(), message)
	})
}

// What ALTER SYSTEM says about parameters of pgvigil's does not last.
func TestAlterSystem(t *testing.T) {
	eachVersion(t, func(t *testing.T, bin string) {
		h := newHost(t, bin, "alpha")
		h.primary(t)
		h.mustSQL(t, "ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
		h.mustSQL(t, "ALTER SYSTEM SET log_min_duration_statement = 77")
		h.mustSQL(t, "SELECT pg_reload_conf()")
		h.await(t, "overruled", func(o *pluginv1.ObserveResponse) bool { return o.GetSynchronousStandbyNames() == "nobody" })
		_, err := h.client().Apply(within(t), &pluginv1.ApplyRequest{Epoch: 1})
		must(t, "apply", err)
		h.await(t, "restored", func(o *pluginv1.ObserveResponse) bool { return o.GetSynchronousStandbyNames() == "" })
		if got := h.mustSQL(t, "SELECT setting FROM pg_settings WHERE name = 'log_min_duration_statement'"); got != "77" {
			t.Errorf("log_min_duration_statement is %s, ALTER SYSTEM said 77", got)
		}
		h.stop(t, 10*time.Second)
	})
}

// ALTER SYSTEM neither keeps a standby from being detached nor ends it.
func TestAlterSystemOnDetached(t *testing.T) {
	eachVersion(t, func(t *testing.T, bin string) {
		a, b := pair(t, bin)
		conninfo := b.mustSQL(t, "SHOW primary_conninfo")
		attach := func() {
			b.mustSQL(t, "ALTER SYSTEM SET primary_conninfo = '"+strings.ReplaceAll(conninfo, "'", "''")+"'")
			b.mustSQL(t, "SELECT pg_reload_conf()")
		}
		attach()
		b.detach(t)
		if got := b.mustSQL(t, "SHOW primary_conninfo"); got != "" {
			t.Fatalf("detached and follows %s", got)
		}
		attach()
		plugintest.Eventually(t, "detached again", func() bool { return b.mustSQL(t, "SHOW primary_conninfo") == "" })
		b.detach(t)
		b.follow(t, a)
		b.awaitStreaming(t)
		a.stop(t, 0)
		b.stop(t, 0)
	})
}

// A standby whose replay stands still is cut off, and says that its position is not known.
func TestDetachOfPaused(t *testing.T) {
	eachVersion(t, func(t *testing.T, bin string) {
		a, b := pair(t, bin)
		b.mustSQL(t, "SELECT pg_wal_replay_pause()")
		plugintest.Eventually(t, "paused", func() bool { return b.mustSQL(t, "SELECT pg_get_wal_replay_pause_state()") == "paused" })
		a.mustSQL(t, "CREATE TABLE load (i int)")
		_, err := b.client().Detach(within(t), &pluginv1.DetachRequest{Epoch: 1})
		if status.Code(err) != codes.FailedPrecondition || !strings.Contains(err.Error(), "paused") {
			t.Fatalf("detach: %v", err)
		}
		b.await(t, "cut off", func(o *pluginv1.ObserveResponse) bool { return o.GetReceiver() == nil && o.GetUpstream() == "" })
		b.mustSQL(t, "SELECT pg_wal_replay_resume()")
		b.detach(t)
		a.stop(t, 0)
		b.stop(t, 0)
	})
}

// A body that cannot work is refused at the place of the mistake, all at once.
func TestDiagnostics(t *testing.T) {
	eachVersion(t, func(t *testing.T, bin string) {
		h := newHost(t, bin, "alpha")
		h.body["listen"] = "127.0.0.1"
		h.body["connect"] = "0.0.0.0:5432"
		h.body["parameters"] = map[string]string{"restart_after_crash": "on", "wal_level": "minimal", "max_wal_senders": "1", "b@d": "1"}
		h.body["hba"] = []string{"host all all all trust"}
		h.body["replication"] = map[string]any{"username": "replicator"}
		h.body["initdb"] = map[string]any{"options": []string{"-D/tmp", "--pwfile=x", "en_US"}}
		want := map[string]pluginv1.Severity{
			"listen": 1, "connect": 1, "parameters/restart_after_crash": 1, "parameters/wal_level": 1, "parameters/max_wal_senders": 1,
			"parameters/b@d": 1, "hba/0": 2, "replication": 1, "initdb/options/0": 1, "initdb/options/1": 1, "initdb/options/2": 1,
		}
		for _, d := range h.tryConfigure(t) {
			path := strings.Join(d.GetPath(), "/")
			if want[path] != d.GetSeverity() || d.GetSummary() == "" || d.GetDetail() == "" {
				t.Errorf("unexpected: %v", d)
			}
			delete(want, path)
		}
		if len(want) > 0 {
			t.Errorf("not found: %v", want)
		}
	})
}
