// SPDX-License-Identifier: Apache-2.0

package deployment

import (
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/pgvigil/pgvigil/supervisor/internal/lab"
)

// haproxy and keepalived run everywhere, with the configuration that is in the node's directory.
func haproxy() program {
	return program{name: "haproxy", path: "haproxy", args: func(n *lab.Node) []string {
		return []string{"-db", "-f", in(n, "haproxy.cfg")}
	}}
}

func keepalived() program {
	pids := []string{"keepalived.pid", "vrrp.pid"}
	return program{name: "keepalived", path: "keepalived", root: true, pids: pids, args: func(n *lab.Node) []string {
		return []string{"--dont-fork", "--log-console", "--vrrp", "--use-file", in(n, "keepalived.conf"),
			"--pid", in(n, "keepalived.pid"), "--vrrp_pid", in(n, "vrrp.pid")}
	}}
}

// servers are HAProxy's lines of them: PostgreSQL, checked at the REST interface.
func servers(c *lab.Cluster) string {
	var lines strings.Builder
	for _, n := range c.Nodes {
		_, port, _ := net.SplitHostPort(n.API())
		fmt.Fprintf(&lines, "    server %s %s check port %s\n", n.Name, n.Postgres(), port)
	}
	return lines.String()
}

func write(n *lab.Node, files map[string]string) error {
	var errs []error
	for name, text := range files {
		errs = append(errs, n.WriteFile(in(n, name), text))
	}
	return errors.Join(errs...)
}
