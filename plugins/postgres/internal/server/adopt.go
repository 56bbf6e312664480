// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/pgvigil/pgvigil/plugins/postgres/internal/conf"
	"github.com/pgvigil/pgvigil/plugins/postgres/internal/config"
	"github.com/pgvigil/pgvigil/plugins/postgres/internal/initdb"
	"github.com/pgvigil/pgvigil/plugins/postgres/internal/launch"
	"github.com/pgvigil/pgvigil/plugins/postgres/internal/proc"
	"github.com/pgvigil/pgvigil/plugins/postgres/internal/session"
)

// adopt prepares, before its files are changed for the first time, a server that somebody else started: it learns which
// files it reads, keeps what they say, and makes the roles that are missing.
func (s *Server) adopt(ctx context.Context, i *instance) error {
	if l, ok := launch.ReadStatus(i.c.DaemonRunDir); ok && l.Holds(i.server.PID, i.server.StartTicks) {
		return nil
	}
	row, err := i.conn.Row(ctx, `SELECT current_setting('config_file'), current_setting('hba_file'),
 current_setting('ident_file'), pg_is_in_recovery()`)
	if err != nil {
		return err
	}
	elsewhere := !sameFile(row[0], filepath.Join(i.c.DataDir, "postgresql.conf"))
	if elsewhere || !conf.Ours(i.c) {
		if err := i.keepFound(ctx, row[1], row[2]); err != nil {
			return err
		}
	}
	if (source{s}).Intent().Elsewhere != elsewhere {
		if _, err := s.change(i.c, func(in *conf.Intent) { in.Elsewhere = elsewhere }); err != nil {
			return err
		}
	}
	fresh := s.meet(i.server.PID)
	if fresh {
		s.log.Warn("PostgreSQL was taken over as it ran, without the launcher: "+
			"no deadman ends it when this supervisor fails, until its next start", "pid", i.server.PID, "config_file", row[0], "unit", proc.Unit(i.server.PID))
	}
	if row[3] == "t" {
		return nil
	}
	return s.makeRoles(ctx, i, fresh)
}

// meet notes a server that runs without the launcher, and tells whether it is a new one.
func (s *Server) meet(pid int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	fresh := s.adopted != pid
	s.adopted = pid
	return fresh
}

func sameFile(a, b string) bool {
	x, err := os.Stat(a)
	if err != nil {
		return false
	}
	y, err := os.Stat(b)
	return err == nil && os.SameFile(x, y)
}

// keepFound keeps the settings of the server's files and command line, but those that a cluster cannot work with, and its
// files of access.
func (i *instance) keepFound(ctx context.Context, hbaFile, identFile string) error {
	sets, err := i.conn.Query(ctx, `SELECT name, setting FROM pg_file_settings
 WHERE error IS NULL AND sourcefile NOT LIKE '%/postgresql.auto.conf' ORDER BY seqno;
SELECT name, current_setting(name) FROM pg_settings WHERE source = 'command line'`)
	if err != nil {
		return err
	}
	var found []conf.Setting
	for _, row := range append(sets[0], sets[1]...) {
		if config.Workable(row[0], row[1]) {
			found = append(found, conf.Setting{Name: row[0], Value: row[1]})
		}
	}
	return conf.Found(i.c, found, hbaFile, identFile)
}

// makeRoles makes the roles that are missing. What a role has is left as it is, and told where it is not what the
// configuration says. Nothing of it waits for standbys, which may need these roles to stream.
func (s *Server) makeRoles(ctx context.Context, i *instance, tell bool) error {
	accounts := map[string]config.Account{}
	var names []string
	for _, a := range []config.Account{i.c.Rewind, i.c.Replication, i.c.Superuser} {
		accounts[a.Username] = a
		names = append(names, session.Literal(a.Username))
	}
	sets, err := i.conn.Query(ctx, `SELECT rolname, coalesce(rolpassword, ''), rolcanlogin, rolreplication
 FROM pg_authid WHERE rolname IN (`+strings.Join(names, ", ")+")")
	if err != nil {
		return err
	}
	has := map[string]bool{}
	for _, row := range sets[0] {
		a := accounts[row[0]]
		has[a.Username] = row[1] != ""
		if tell && has[a.Username] && a.Password != "" && !initdb.Matches(row[1], a) {
			s.log.Warn("password of a role is not the one configured: other members cannot log in with it", "role", a.Username)
		}
		if tell && (row[2] != "t" || a.Username == i.c.Replication.Username && row[3] != "t") {
			s.log.Warn("role lacks LOGIN or REPLICATION: other members cannot log in with it", "role", a.Username)
		}
	}
	sql, err := initdb.Statements(i.c, has)
	if err != nil || len(sql) == 0 {
		return err
	}
	_, err = i.conn.Query(ctx, "BEGIN; SET LOCAL synchronous_commit = local; SET LOCAL log_statement = none; "+
		"SET LOCAL log_min_duration_statement = -1; "+strings.Join(sql, "; ")+"; COMMIT")
	if err != nil {
		return fmt.Errorf("roles: %w", err)
	}
	s.log.Info("missing roles and passwords were made", "statements", len(sql))
	return nil
}
