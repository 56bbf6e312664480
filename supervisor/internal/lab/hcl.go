// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Config is the text of the node's configuration as the lab writes it.
func (n *Node) Config() string {
	c := n.cluster
	text := fmt.Sprintf(`run_dir    = %q
state_dir  = %q
plugin_dir = %q

cluster %q {
  member                  = %q
  ttl                     = "%dms"
  durability              = %q
  maximum_lag_on_failover = "16MB"
%s}

api {
  listen  = %q
  connect = %q
  auth {
    username = %q
    password = %q
  }
}

`, n.path("run"), n.path("state"), n.binary("plugins"), c.options.Name, n.Name, c.options.TTL.Milliseconds(),
		c.options.Durability, c.options.Cluster, n.API(), n.API(), labRole, c.password)
	return text + n.etcdConfig() + n.postgresConfig() + "watchdog {\n  mode = \"off\"\n}\n" + c.options.Extra
}

func (n *Node) etcdConfig() string {
	var members strings.Builder
	for _, peer := range n.cluster.Nodes {
		fmt.Fprintf(&members, "      %s = %q\n", peer.Name, peer.EtcdPeer())
	}
	return fmt.Sprintf(`dcs "etcd" {
%s  embedded {
    name          = %q
    data_dir      = %q
    listen_client = %q
    listen_peer   = %q
    members = {
%s    }
%s  }
}

`, n.cluster.endpoints(), n.Name, n.path("etcd"), n.EtcdClient(), n.EtcdPeer(), members.String(), n.cluster.options.Embedded)
}

// endpoints is the line that leads supervisors to the proxies; empty without them.
func (c *Cluster) endpoints() string {
	if !c.options.Proxy {
		return ""
	}
	var urls []string
	for _, n := range c.Nodes {
		urls = append(urls, strconv.Quote(n.url(n.proxyPort())))
	}
	return "  endpoints = [" + strings.Join(urls, ", ") + "]\n"
}

func (n *Node) url(port int) string { return "http://" + n.join(port) }

func (n *Node) postgresConfig() string {
	c := n.cluster
	return fmt.Sprintf(`postgres {
  listen     = %q
  connect    = %q
  data_dir   = %q
  bin_dir    = %q
  socket_dir = %q
  log_dir    = %q

  superuser {
    username = "postgres"
    password = %q
  }
  replication {
    username = "replicator"
    password = %q
  }
  hba = [
    "local all %s scram-sha-256",
    "host all all %s scram-sha-256",
    "host replication all %s scram-sha-256",
  ]
  parameters = {
%s  }
}

`, n.Postgres(), n.Postgres(), n.DataDir(), c.pgBin, n.SocketDir(), n.path("log"), c.password, c.password,
		labRole, c.network.subnet(), c.network.subnet(), c.parameters())
}

// parameters keeps the servers small. Shared memory in files of the data directory leaves nothing in /dev/shm when the
// server is killed.
func (c *Cluster) parameters() string {
	all := map[string]string{
		"shared_buffers":             "16MB",
		"max_connections":            "50",
		"dynamic_shared_memory_type": "mmap",
		"log_checkpoints":            "off",
	}
	maps.Copy(all, c.options.Parameters)
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(all)) {
		fmt.Fprintf(&text, "    %s = %s\n", name, strconv.Quote(all[name]))
	}
	return text.String()
}
