// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/pgvigil/pgvigil/plugins/postgres/internal/proc"
	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
)

// A server that somebody else started is not touched while it lets nobody in, and then gets what is missing and keeps what
// is there.
func TestAdopt(t *testing.T) {
	eachVersion(t, func(t *testing.T, bin string) {
		h := newHost(t, bin, "alpha")
		hba := filepath.Join(h.dataDir(), "pg_hba.conf")
		h.found(t, bin, "create role replicator login password 'other'\n", "local all all reject\n")
		seen := h.await(t, "no login", func(o *pluginv1.ObserveResponse) bool {
			return o.GetStatus() == pluginv1.Status_STATUS_RUNNING && strings.Contains(o.GetMessage(), "pg_hba.conf rejects")
		})
		if _, err := h.client().Apply(within(t), &pluginv1.ApplyRequest{Epoch: 1}); err == nil {
			t.Error("apply worked without a login")
		}
		if raw, err := os.ReadFile(hba); err != nil || string(raw) != "local all all reject\n" {
			t.Errorf("pg_hba.conf was changed: %v\n%s", err, raw)
		}

		must(t, "pg_hba.conf", os.WriteFile(hba, []byte("local all all trust\nhost all all all md5\n"), 0o600))
		must(t, "reload", syscall.Kill(int(seen.GetPostmasterPid()), syscall.SIGHUP))
		h.await(t, "login", func(o *pluginv1.ObserveResponse) bool { return o.GetRole() == pluginv1.Role_ROLE_PRIMARY })
		_, err := h.client().Apply(within(t), &pluginv1.ApplyRequest{Epoch: 1, Members: []string{"beta"}})
		must(t, "apply", err)
		now := h.await(t, "restart pending", func(o *pluginv1.ObserveResponse) bool { return len(o.GetPendingRestart()) > 0 })
		if now.GetPostmasterPid() != seen.GetPostmasterPid() || now.GetLaunched() || len(now.GetSlots()) != 1 {
			t.Errorf("after apply: %v", now)
		}
		for statement, want := range map[string]string{
			"SELECT count(*) FROM pg_hba_file_rules WHERE auth_method = 'md5' AND error IS NULL":                                      "1",
			"SELECT rolreplication FROM pg_authid WHERE rolname = 'replicator'":                                                       "f",
			"SELECT current_setting('work_mem')":                                                                                      "5MB",
			"SELECT bool_or(rolpassword LIKE 'SCRAM-SHA-256$%') FROM pg_authid WHERE rolname = 'postgres'":                            "t",
			"SELECT count(*) FROM pg_settings WHERE pending_restart AND name IN ('wal_log_hints', 'cluster_name', 'max_connections')": "2",
		} {
			if got := h.mustSQL(t, statement); got != want {
				t.Errorf("%s: %s, want %s", statement, got, want)
			}
		}
	})
}

// found makes a data directory and starts its server by hand.
func (h *host) found(t *testing.T, bin, sql, hba string) {
	t.Helper()
	a := osAccount(t)
	run := func(input, program string, args ...string) {
		t.Helper()
		cmd := a.Command(filepath.Join(bin, program), append([]string{"-D", h.dataDir()}, args...)...)
		cmd.Stdin = strings.NewReader(input)
		must(t, program, proc.Run(within(t), cmd, nil))
	}
	run("", "initdb", "-U", "postgres", "-N", "--auth=reject")
	conf := fmt.Sprintf("port = %d\nunix_socket_directories = '%s'\nmax_connections = 60\nwork_mem = '5MB'\n",
		h.port, filepath.Join(h.dir, "run", "postgres"))
	for name, text := range map[string]string{"postgresql.conf": conf, "pg_hba.conf": hba} {
		must(t, name, os.WriteFile(filepath.Join(h.dataDir(), name), []byte(text), 0o600))
	}
	cmd := a.Command(filepath.Join(bin, "postgres"), "--single", "-D", h.dataDir(), "postgres")
	cmd.Stdin = strings.NewReader(sql)
	must(t, "roles", proc.Run(within(t), cmd, nil))
	run("", "pg_ctl", "start", "-w", "-l", filepath.Join(h.dataDir(), "log"))
}
