// SPDX-License-Identifier: Apache-2.0

// Package lab runs a whole pgvigil cluster on this machine, of real processes: for every node a supervisor with its
// plugins, a member of the embedded etcd and PostgreSQL. It can break them in the ways the world does, and when it
// is closed nothing of them is left.
//
// The nodes live on loopback addresses, or each in a network namespace of its own (root only), where the
// network between them can be cut. Started by root, the processes of the nodes run as user postgres.
package lab

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// Options say what cluster to make. Bin and PGBin are required.
type Options struct {
	// Dir holds everything of the cluster. Empty: a new directory under /tmp that Close removes. Keep it short:
	// paths of Unix sockets are limited to 107 bytes.
	Dir string
	// Name is the cluster's; default "lab".
	Name string
	// Nodes is how many there are; default 3. They are called node1, node2, ….
	Nodes int
	// Bin holds pgvigild, pgvigil, pgvigil-launcher and plugins/.
	Bin string
	// PGBin holds PostgreSQL's programs.
	PGBin string
	// TTL of the leadership; default 3 s.
	TTL time.Duration
	// Durability: async (default) or quorum.
	Durability string
	// Netns gives every node a network namespace, and a time namespace so that no two were started at the same time
	// by their own clocks; needs root, ip, nft and Linux 6.1.
	Netns bool
	// Virtual is how many of the nodes, the last ones, are virtual machines: hosts with a kernel and a wall clock of their
	// own, emulated, slow, and with their files in memory. Needs Netns and what package vm needs.
	Virtual int
	// Watchdog gives every virtual machine a watchdog, softdog, for which nothing is configured yet. A reset by it
	// switches the machine off.
	Watchdog bool
	// Parameters are PostgreSQL settings beyond the lab's own.
	Parameters map[string]string
	// Cluster and Embedded are HCL lines added to the blocks "cluster" and "embedded" of every node's configuration.
	Cluster, Embedded string
	// Proxy puts a proxy in front of every etcd, through which the supervisors go; see DelayDCS.
	Proxy bool
	// Extra is HCL text appended to every node's configuration.
	Extra string
	// Keep leaves Dir in place when the cluster is closed.
	Keep bool
}

func (o *Options) fill() error {
	if o.Nodes == 0 {
		o.Nodes = 3
	}
	if o.Name == "" {
		o.Name = "lab"
	}
	if o.TTL == 0 {
		o.TTL = 3 * time.Second
	}
	if o.Durability == "" {
		o.Durability = "async"
	}
	if o.Virtual > 0 && !o.Netns {
		return errors.New("virtual machines need a network of their own (Netns)")
	}
	for _, dir := range []*string{&o.Bin, &o.PGBin} {
		if err := absolute(dir); err != nil {
			return err
		}
	}
	return nil
}

func absolute(dir *string) error {
	path, err := filepath.Abs(*dir)
	if err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return fmt.Errorf("%s: not a directory", path)
	}
	*dir = path
	return nil
}
