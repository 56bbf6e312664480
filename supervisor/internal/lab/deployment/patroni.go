// SPDX-License-Identifier: Apache-2.0

package deployment

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/pgvigil/pgvigil/supervisor/internal/lab"
)

// Pace is how quickly the parts of a deployment of Patroni notice something.
type Pace struct {
	// Patroni's, in seconds.
	TTL, LoopWait, RetryTimeout int
	// Heartbeat and Election are etcd's, in milliseconds.
	Heartbeat, Election int
	// Check is that of HAProxy's servers; VRRP are lines of Keepalived's instance, Script of its check of HAProxy, separated by
	// semicolons.
	Check, VRRP, Script string
}

// Guide is what guides recommend: Patroni's and etcd's defaults, the HAProxy of Patroni's own example, Keepalived with a script.
func Guide() Pace {
	return Pace{
		TTL: 30, LoopWait: 10, RetryTimeout: 10, Heartbeat: 100, Election: 1000,
		Check: "inter 3s fall 3 rise 2", VRRP: "advert_int 1", Script: "interval 2",
	}
}

// Tightest is the least that Patroni allows, with everything else as quick as it can be without taking one lost check for a
// fault.
func Tightest() Pace {
	return Pace{
		TTL: 20, LoopWait: 1, RetryTimeout: 3, Heartbeat: 50, Election: 500,
		Check: "inter 500ms fastinter 200ms downinter 200ms fall 2 rise 1",
		VRRP:  "advert_int 0.2; garp_master_delay 1; garp_master_refresh 1", Script: "interval 1",
	}
}

func (p Pace) String() string {
	return fmt.Sprintf("Patroni ttl %d, loop_wait %d, retry_timeout %d; etcd heartbeat %d ms, election %d ms; HAProxy %s; "+
		"Keepalived %s, script %s", p.TTL, p.LoopWait, p.RetryTimeout, p.Heartbeat, p.Election, p.Check, p.VRRP, p.Script)
}

// Patroni deploys Patroni in place of pgvigil on the hosts of a cluster that has not been started, with an etcd, HAProxy that
// asks Patroni, and Keepalived with a script that looks for HAProxy. The launcher is that of contrib/lab/postgres17.sh --patroni.
// The virtual address is the first host's as long as that has an HAProxy.
func Patroni(c *lab.Cluster, launcher string, pace Pace) (*Deployment, error) {
	config, err := c.ClientConfig(time.Second)
	if err != nil {
		return nil, err
	}
	for i, n := range c.Nodes {
		files := map[string]string{
			"patroni.yml":     patroniYAML(c, n, config.User, config.Password, pace),
			"haproxy.cfg":     patroniHAProxy(c, pace),
			"keepalived.conf": patroniKeepalived(n, 100+len(c.Nodes)-1-i, pace),
		}
		if err := write(n, files); err != nil {
			return nil, err
		}
	}
	patroni := program{name: "patroni", path: launcher, args: func(n *lab.Node) []string { return []string{in(n, "patroni.yml")} }}
	return deploy(c, product{
		programs: []program{etcd(c, launcher, pace), patroni, haproxy(), keepalived()},
		up: func(ctx context.Context, d *Deployment) error {
			if err := d.Boot(); err != nil {
				return err
			}
			if err := c.WaitHealthy(ctx); err != nil {
				return err
			}
			return c.Prepare(ctx)
		},
		power:   (*lab.Node).Heal,
		home:    func(*lab.Node) *lab.Node { return c.Nodes[0] },
		healthy: func(ctx context.Context) error { return c.WaitHealthy(ctx) },
		standby: map[uint16]bool{Writes: false, Reads: true},
	}), nil
}

// EtcdBeside is the program of the etcd that came with a launcher of Patroni.
func EtcdBeside(launcher string) string {
	return filepath.Join(filepath.Dir(launcher), "root", "usr", "bin", "etcd")
}

// etcd is the one that came with Patroni, on the ports of the embedded one.
func etcd(c *lab.Cluster, launcher string, pace Pace) program {
	var members []string
	for _, n := range c.Nodes {
		members = append(members, n.Name+"="+n.EtcdPeer())
	}
	return program{name: "etcd", path: EtcdBeside(launcher), args: func(n *lab.Node) []string {
		return []string{"--name", n.Name, "--data-dir", in(n, "etcd"),
			"--listen-client-urls", n.EtcdClient(), "--advertise-client-urls", n.EtcdClient(),
			"--listen-peer-urls", n.EtcdPeer(), "--initial-advertise-peer-urls", n.EtcdPeer(),
			"--initial-cluster", strings.Join(members, ","),
			"--heartbeat-interval", strconv.Itoa(pace.Heartbeat), "--election-timeout", strconv.Itoa(pace.Election)}
	}}
}

// patroniYAML sets PostgreSQL up as the lab does for pgvigil. Clients come from the lab's subnet.
func patroniYAML(c *lab.Cluster, n *lab.Node, user, password string, pace Pace) string {
	var hosts []string
	for _, peer := range c.Nodes {
		hosts = append(hosts, strings.TrimPrefix(peer.EtcdClient(), "http://"))
	}
	return fmt.Sprintf(`scope: lab
namespace: /patroni
name: %[1]s
restapi: {listen: "%[2]s", connect_address: "%[2]s"}
etcd3: {hosts: "%[3]s"}
watchdog: {mode: "off"}
bootstrap:
  dcs:
    ttl: %[4]d
    loop_wait: %[5]d
    retry_timeout: %[6]d
    maximum_lag_on_failover: 16777216
    postgresql: {use_pg_rewind: true, parameters: {max_connections: 50}}
  initdb: [{encoding: UTF8}, {locale: C.UTF-8}, data-checksums]
postgresql:
  listen: "%[7]s"
  connect_address: "%[7]s"
  data_dir: "%[8]s"
  bin_dir: "%[9]s"
  pgpass: "%[10]s"
  pg_hba:
  - local all %[11]s scram-sha-256
  - host all all 10.99.0.0/24 scram-sha-256
  - host replication replicator 10.99.0.0/24 scram-sha-256
  authentication:
    superuser: {username: postgres, password: "%[12]s"}
    replication: {username: replicator, password: "%[12]s"}
  parameters: {unix_socket_directories: "%[13]s", shared_buffers: 16MB, dynamic_shared_memory_type: mmap, log_checkpoints: "off"}
`, n.Name, n.API(), strings.Join(hosts, ","), pace.TTL, pace.LoopWait, pace.RetryTimeout,
		n.Postgres(), n.DataDir(), c.PGBin(), in(n, "pgpass"), user, password, n.SocketDir())
}

func patroniHAProxy(c *lab.Cluster, pace Pace) string {
	return fmt.Sprintf(`global
    maxconn 100
defaults
    mode tcp
    retries 2
    timeout connect 4s
    timeout client 30m
    timeout server 30m
    timeout check 5s
listen primary
    bind *:5000
    option httpchk OPTIONS /master
    http-check expect status 200
    default-server %[1]s on-marked-down shutdown-sessions
%[2]slisten replica
    bind *:5001
    balance leastconn
    option httpchk OPTIONS /replica
    http-check expect status 200
    default-server %[1]s on-marked-down shutdown-sessions
%[2]s`, pace.Check, servers(c))
}

func patroniKeepalived(n *lab.Node, priority int, pace Pace) string {
	return fmt.Sprintf(`global_defs {
    vrrp_version 3
    script_user root
}
vrrp_script haproxy {
    script "/usr/bin/pgrep -f %s"
    %s
    weight 2
}
vrrp_instance postgres {
    state BACKUP
    interface eth0
    virtual_router_id 51
    priority %d
    %s
    virtual_ipaddress {
        %s/24
    }
    track_script {
        haproxy
    }
}
`, in(n, "haproxy.cfg"), pace.Script, priority, strings.ReplaceAll(pace.VRRP, "; ", "\n    "), VIP)
}
