// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e_test

import (
	"net/http"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pgvigil/pgvigil/supervisor/internal/lab"
	"github.com/pgvigil/pgvigil/supervisor/internal/lab/boottime"
	"github.com/pgvigil/pgvigil/supervisor/internal/lab/deployment"
)

// lagCheck is the health check of the deployment's port for reads.
const lagCheck = "/replica?lag=16MB"

// fallBehind stops the replay of a standby while writes go on: beyond the limit nobody may reach it through the port for reads,
// and everybody again when it has caught up.
func (tr *traffic) fallBehind(s *story) {
	late := s.standbys[0]
	tr.awaitReaders(s, s.standbys...)
	command(s, late, "select pg_wal_replay_pause()")
	s.moreAcks(50)
	if !passes(s, late) {
		s.Errorf("%s fails %s when it is hardly behind", late.Name, lagCheck)
	}
	command(s, s.primary, "select count(pg_logical_emit_message(false, 'lag', repeat('x', 1 << 20))) from generate_series(1, 20)")
	s.eventually(late.Name+" says that it is too far behind", func() bool { return !passes(s, late) })
	told := boottime.Now()
	tr.awaitReaders(s, s.standbys[1])
	if took := boottime.Now().Sub(told); took > 5*time.Second {
		s.Errorf("port 5001 led to %s for %s after it had said that it is too far behind", late.Name, took)
	}
	// Routes are told anew every five seconds.
	s.always("port 5001 leads past "+late.Name, 6*time.Second, func() bool {
		return !passes(s, late) && !slices.Contains(tr.readers(s, 2), late.Address)
	})
	tr.awaitReaders(s, s.standbys[1])
	command(s, late, "select pg_wal_replay_resume()")
	tr.awaitReaders(s, s.standbys...)
}

// passes tells whether a node's health check lets reads come to it.
func passes(s *story, n *lab.Node) bool {
	s.Helper()
	code, _, err := n.Get(s.Context(), lagCheck)
	s.do(err)
	return code == http.StatusOK
}

// awaitReaders waits until the port for reads leads to these nodes.
func (tr *traffic) awaitReaders(s *story, nodes ...*lab.Node) {
	s.Helper()
	var want []string
	for _, n := range nodes {
		want = append(want, n.Address)
	}
	slices.Sort(want)
	s.eventually("port 5001 leads to those that are not too far behind", func() bool { return slices.Equal(tr.readers(s, 6), want) })
}

// readers are the addresses of the servers that so many new sessions through the port for reads get to, as far as they get.
func (tr *traffic) readers(s *story, sessions int) []string {
	s.Helper()
	config, err := tr.ClientConfigTo(deployment.VIP, deployment.Reads, time.Second)
	s.do(err)
	var addresses []string
	for range sessions {
		conn, err := pgx.ConnectConfig(s.Context(), config)
		if err != nil {
			continue
		}
		address := ""
		if err := conn.QueryRow(s.Context(), "select host(inet_server_addr())").Scan(&address); err == nil {
			addresses = append(addresses, address)
		}
		_ = conn.Close(s.Context())
	}
	slices.Sort(addresses)
	return slices.Compact(addresses)
}

// command runs a statement as the superuser of a node.
func command(s *story, n *lab.Node, sql string) {
	s.Helper()
	conn, err := n.ConnectSuperuser(s.Context())
	s.do(err)
	defer conn.Close(s.Context())
	_, err = conn.Exec(s.Context(), sql)
	s.do(err)
}
