// SPDX-License-Identifier: Apache-2.0

package deployment

import (
	"context"
	"fmt"
	"time"

	"github.com/pgvigil/pgvigil/supervisor/internal/lab"
)

// PGVigil deploys a cluster that has not been started yet with HAProxy, PgBouncer and Keepalived on every host, configured as the
// READMEs of the plugins show, and has the supervisors lead them.
func PGVigil(c *lab.Cluster) (*Deployment, error) {
	config, err := c.ClientConfig(time.Second)
	if err != nil {
		return nil, err
	}
	for i, n := range c.Nodes {
		files := map[string]string{
			"haproxy.cfg":     pgvigilHAProxy(c, in(n, "haproxy.sock")),
			"keepalived.conf": fmt.Sprintf(pgvigilKeepalived, in(n, "vrrp"), in(n, "vrrp"), 20*(i+1), VIP),
			"users.txt":       fmt.Sprintf("%q %q\n", config.User, config.Password),
			"pgbouncer.ini":   fmt.Sprintf(bouncerConfig, config.Database, n.Address, in(n, "users.txt"), config.User),
		}
		if err := write(n, files); err != nil {
			return nil, err
		}
		routers := fmt.Sprintf(routerBlocks, in(n, "haproxy.sock"), VIP, in(n, "vrrp"), in(n, "haproxy.sock"), n.Address, config.User)
		if err := n.Configure(n.Config() + routers); err != nil {
			return nil, err
		}
	}
	bouncer := program{name: "pgbouncer", path: "pgbouncer", args: func(n *lab.Node) []string {
		return []string{in(n, "pgbouncer.ini")}
	}}
	return deploy(c, product{
		programs: []program{haproxy(), bouncer, keepalived()},
		up: func(ctx context.Context, d *Deployment) error {
			if err := c.Up(ctx); err != nil {
				return err
			}
			return d.Boot()
		},
		power: (*lab.Node).StartHost,
		healthy: func(ctx context.Context) error {
			if err := c.WaitHealthy(ctx); err != nil || c.Durability() != "quorum" {
				return err
			}
			return c.WaitCohort(ctx, 1, c.Nodes...)
		},
		home:    func(primary *lab.Node) *lab.Node { return primary },
		standby: map[uint16]bool{Writes: false, Reads: true, Pooled: false},
	}), nil
}

const routerBlocks = `
router "haproxy" {
  sockets         = [%q]
  replica_backend = "replica"
  max_lag         = "16MB"
}

router "keepalived" {
  vip             = %q
  follow          = "haproxy"
  track_file      = %q
  haproxy_socket  = %q
  haproxy_backend = "primary"
}

router "pgbouncer" {
  consoles = ["host=%s user=%s"]
}
`

func pgvigilHAProxy(c *lab.Cluster, socket string) string {
	return fmt.Sprintf(`global
    stats socket %s mode 600 level admin
defaults
    mode tcp
    timeout connect 4s
    timeout client 1d
    timeout server 1d
    timeout check 2s
listen primary
    bind *:5000
    option httpchk OPTIONS /primary
    http-check expect status 200
    default-server inter 2s fastinter 200ms downinter 500ms fall 3 rise 2 on-marked-down shutdown-sessions
%[2]slisten replica
    bind *:5001
    balance leastconn
    option httpchk OPTIONS /replica?lag=16MB
    http-check expect status 200
    default-server inter 2s fastinter 200ms downinter 500ms fall 3 rise 2
%[2]s`, socket, servers(c))
}

const pgvigilKeepalived = `global_defs {
    vrrp_version 3
}
track_file pgvigil {
    file %s
}
track_file pgvigil_rank {
    file %s
}
vrrp_instance pgvigil {
    state BACKUP
    interface eth0
    virtual_router_id 51
    priority %d
    advert_int 0.2
    garp_master_delay 1
    garp_master_refresh 1
    virtual_ipaddress {
        %s/24
    }
    track_file {
        pgvigil weight 0 reverse
        pgvigil_rank weight 60
    }
}
`

const bouncerConfig = `[databases]
%s = host=%s port=5000
[pgbouncer]
listen_addr = *
listen_port = 6432
unix_socket_dir =
auth_type = trust
auth_file = %s
admin_users = %s
pool_mode = transaction
server_login_retry = 1
`
