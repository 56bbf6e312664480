// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
)

// labRole is the role of the lab's own clients.
const labRole = "lab"

// Connect connects to the node's PostgreSQL as the lab's role, through its Unix socket, which no network fault reaches; to
// that of a virtual machine over the network.
func (n *Node) Connect(ctx context.Context) (*pgx.Conn, error) {
	if n.virtual() {
		return n.connect(ctx, labRole)
	}
	config, err := n.LocalConfig()
	if err != nil {
		return nil, err
	}
	return pgx.ConnectConfig(ctx, config)
}

// LocalConfig is how an application on the node's own host connects, whatever the server's role.
func (n *Node) LocalConfig() (*pgx.ConnConfig, error) {
	config, err := n.cluster.config(labRole, n.SocketDir())
	if err != nil {
		return nil, err
	}
	config.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		var dialer net.Dialer
		return dialer.DialContext(ctx, network, address)
	}
	return config, nil
}

// ConnectSuperuser connects to the node's PostgreSQL as its superuser, over the network, as a client outside does.
func (n *Node) ConnectSuperuser(ctx context.Context) (*pgx.Conn, error) {
	return n.connect(ctx, "postgres")
}

func (n *Node) connect(ctx context.Context, role string) (*pgx.Conn, error) {
	config, err := n.cluster.config(role, n.Address)
	if err != nil {
		return nil, err
	}
	return pgx.ConnectConfig(ctx, config)
}

// ClientConfig is how an application that wants to write would connect: all nodes, whichever is the primary, and no more
// than the timeout spent on a node that does not answer.
func (c *Cluster) ClientConfig(timeout time.Duration) (*pgx.ConnConfig, error) {
	hosts := ""
	for i, n := range c.Nodes {
		if i > 0 {
			hosts += ","
		}
		hosts += n.Address
	}
	config, err := c.config(labRole, hosts+" target_session_attrs=read-write")
	if err != nil {
		return nil, err
	}
	config.ConnectTimeout = timeout
	return config, nil
}

// ClientConfigTo is ClientConfig for one address that leads to some node, as that of a load balancer.
func (c *Cluster) ClientConfigTo(host string, port uint16, timeout time.Duration) (*pgx.ConnConfig, error) {
	config, err := c.config(labRole, host)
	if err != nil {
		return nil, err
	}
	config.Port, config.ConnectTimeout = port, timeout
	return config, nil
}

// Prepare makes the lab's role on the primary and waits until all nodes know it. Idempotent.
func (c *Cluster) Prepare(ctx context.Context) error {
	primary, err := c.WaitPrimary(ctx)
	if err != nil {
		return err
	}
	conn, err := primary.ConnectSuperuser(ctx)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, fmt.Sprintf(`
		do $$ begin
			if not exists (select from pg_roles where rolname = '%s') then
				create role %s login password '%s';
			end if;
		end $$;
		grant pg_monitor to %s;
		create schema if not exists lab authorization %s;`, labRole, labRole, c.password, labRole, labRole))
	if err != nil {
		return fmt.Errorf("prepare the cluster: %w", err)
	}
	for _, n := range c.Nodes {
		if err := n.known(ctx); err != nil {
			return err
		}
	}
	return nil
}

// known waits until the lab's role can log in to the node.
func (n *Node) known(ctx context.Context) error {
	return n.cluster.poll(ctx, "wait for the lab's role on "+n.Name, func(ctx context.Context) error {
		conn, err := n.Connect(ctx)
		if err != nil {
			return err
		}
		return conn.Close(ctx)
	})
}

func (c *Cluster) config(role, host string) (*pgx.ConnConfig, error) {
	config, err := pgx.ParseConfig("host=" + host + " port=" + strconv.Itoa(c.ports.postgres) + " user=" + role +
		" password=" + c.password + " dbname=postgres sslmode=disable application_name=lab")
	if err != nil {
		return nil, err
	}
	config.DialFunc = c.dial
	config.DefaultQueryExecMode = pgx.QueryExecModeExec
	return config, nil
}
