// SPDX-License-Identifier: Apache-2.0

package deployment

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/pgvigil/pgvigil/supervisor/internal/lab"
)

// PGVigil deploys a cluster that has not been started yet with HAProxy, PgBouncer and Keepalived on every host, configured as
// pgvigil render has it, and has the supervisors lead them.
func PGVigil(c *lab.Cluster) (*Deployment, error) {
	client, err := c.ClientConfig(time.Second)
	if err != nil {
		return nil, err
	}
	for _, n := range c.Nodes {
		blocks := fmt.Sprintf(routerBlocks, in(n, "haproxy.sock"), VIP, in(n, "vrrp"), in(n, "haproxy.sock"), n.SocketDir(), client.User, client.Password)
		if err := n.Configure(n.Config() + blocks); err != nil {
			return nil, err
		}
		files, err := rendered(c, n)
		if err != nil {
			return nil, err
		}
		users := in(n, "users.txt")
		files["users.txt"] = fmt.Sprintf("%q %q\n", client.User, client.Password)
		files["pgbouncer.ini"] = strings.Replace(files["pgbouncer.ini"], "/etc/pgbouncer/userlist.txt", users, 1)
		if err := write(n, files); err != nil {
			return nil, err
		}
	}
	proxy := haproxy()
	proxy.root = true // it gives its rights away by itself
	bouncer := program{name: "pgbouncer", path: "pgbouncer", args: func(n *lab.Node) []string {
		return []string{in(n, "pgbouncer.ini")}
	}}
	return deploy(c, product{
		programs: []program{proxy, bouncer, keepalived()},
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
  password = %q
}
`

// rendered are the files that pgvigil render makes of a node's configuration.
func rendered(c *lab.Cluster, n *lab.Node) (map[string]string, error) {
	var members []string
	for _, m := range c.Nodes {
		members = append(members, "--member="+m.Name+"="+m.Address)
	}
	files := map[string]string{}
	for name, args := range map[string][]string{
		"haproxy.cfg":     append([]string{"haproxy"}, members...),
		"keepalived.conf": append([]string{"keepalived", "--vip=" + VIP + "/24", "--interface=eth0"}, members...),
		"pgbouncer.ini":   {"pgbouncer"},
	} {
		text, err := n.Ask(append([]string{"render"}, args...)...)
		if err != nil {
			return nil, err
		}
		files[name] = text
	}
	return files, nil
}
