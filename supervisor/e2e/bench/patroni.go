// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"time"

	"github.com/pgvigil/pgvigil/supervisor/internal/lab"
	"github.com/pgvigil/pgvigil/supervisor/internal/lab/deployment"
)

const (
	patroniAPI      = "8108"
	patroniPostgres = "5532"
	patroniEtcd     = "2479"
	patroniEtcdPeer = "2480"
)

// startPatroni runs a Patroni with a PostgreSQL and an etcd of its own beside the first node, and waits until it leads. (The
// embedded etcd does not offer the JSON interface that Patroni speaks.)
func startPatroni(ctx context.Context, s settings, c *lab.Cluster) (subject, func(), error) {
	n := c.Nodes[0]
	file := filepath.Join(n.Dir(), "patroni.yml")
	if err := n.WriteFile(file, patroniYAML(s, c)); err != nil {
		return subject{}, nil, err
	}
	endEtcd, err := startEtcd(s, n)
	if err != nil {
		return subject{}, nil, err
	}
	pid, end, err := n.Beside("patroni.log", s.patroni, file)
	if err != nil {
		endEtcd()
		return subject{}, nil, err
	}
	stop := func() {
		_ = end()
		endEtcd()
	}
	if err := patroniLeads(ctx, n); err != nil {
		stop()
		return subject{}, nil, err
	}
	return subject{"primary", "Patroni", pid}, stop, nil
}

// startEtcd runs the etcd that came with Patroni.
func startEtcd(s settings, n *lab.Node) (func(), error) {
	client, peer := "http://"+net.JoinHostPort(n.Address, patroniEtcd), "http://"+net.JoinHostPort(n.Address, patroniEtcdPeer)
	_, end, err := n.Beside("patroni-etcd.log", deployment.EtcdBeside(s.patroni),
		"--data-dir", filepath.Join(n.Dir(), "patroni-etcd"), "--listen-client-urls", client, "--advertise-client-urls", client,
		"--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", "default="+peer)
	return func() { _ = end() }, err
}

func patroniYAML(s settings, c *lab.Cluster) string {
	n := c.Nodes[0]
	dir := filepath.Join(n.Dir(), "patroni")
	return fmt.Sprintf(`scope: bench
namespace: /patroni
name: patroni1
restapi: {listen: "%[1]s:%[2]s", connect_address: "%[1]s:%[2]s"}
etcd3: {hosts: "%[3]s"}
bootstrap:
  dcs: {ttl: 30, loop_wait: 10, retry_timeout: 10}
  initdb: [{encoding: UTF8}, {locale: C}, data-checksums]
postgresql:
  listen: "%[1]s:%[4]s"
  connect_address: "%[1]s:%[4]s"
  data_dir: "%[5]s/data"
  bin_dir: "%[6]s"
  pgpass: "%[5]s.pgpass"
  pg_hba: ["local all all peer", "host all all %[1]s/32 scram-sha-256", "host replication replicator %[1]s/32 scram-sha-256"]
  authentication:
    superuser: {username: postgres, password: bench}
    replication: {username: replicator, password: bench}
  parameters: {unix_socket_directories: "%[7]s", shared_buffers: 16MB, dynamic_shared_memory_type: mmap}
`, n.Address, patroniAPI, net.JoinHostPort(n.Address, patroniEtcd), patroniPostgres, dir, s.pgBin, n.SocketDir())
}

// patroniLeads waits until its health check says that it is the primary.
func patroniLeads(ctx context.Context, n *lab.Node) error {
	ctx, cancel := context.WithTimeout(ctx, 90*time.Second)
	defer cancel()
	address := net.JoinHostPort(n.Address, patroniPostgres)
	for {
		if code, err := askOnce(ctx, n, net.JoinHostPort(n.Address, patroniAPI)); err == nil && code == 200 {
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("the Patroni at %s does not become primary (see patroni.log)", address)
		}
		pause(ctx, 200*time.Millisecond)
	}
}

func askOnce(ctx context.Context, n *lab.Node, address string) (int, error) {
	conn, err := n.Dial(ctx, address)
	if err != nil {
		return 0, err
	}
	c := newClient(conn, address)
	defer c.close()
	return c.ask("GET")
}
