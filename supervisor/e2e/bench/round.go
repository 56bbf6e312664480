// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/pgvigil/pgvigil/supervisor/internal/lab"
)

// part is one of the tables.
type part struct {
	name    string
	measure func(context.Context, settings, *lab.Cluster) error
}

// round is a cluster and what is measured on it.
type round struct {
	title   string
	options lab.Options
	parts   []part
}

// defaults are the timers of an etcd that nobody tuned.
const defaults = "    heartbeat = \"100ms\"\n    election = \"1s\"\n"

func rounds() []round {
	quorum := func(title string, options lab.Options, p part) round {
		options.Durability = "quorum"
		return round{title, options, []part{p}}
	}
	return []round{
		{"embedded etcd", lab.Options{Durability: "async"}, []part{{"footprint", footprint}, {"start", start}, {"rest", rest}, {"gap", gaps("gap", faults())}}},
		quorum("embedded etcd", lab.Options{}, part{"quorum gap", gaps("quorum gap", quorumFaults())}),
		quorum("etcd with its default timers", lab.Options{Embedded: defaults}, part{"quorum defaults", gaps("quorum defaults", etcdFaults())}),
		quorum("embedded etcd behind proxies", lab.Options{Proxy: true}, part{"quorum quiet", quiet}),
	}
}

// wanted tells whether any table of the round is asked for.
func (r round) wanted(s settings) bool {
	if s.durability != "" && s.durability != r.options.Durability {
		return false
	}
	for _, p := range r.parts {
		if s.wants(p.name) {
			return true
		}
	}
	return false
}

// run makes the cluster, measures, and takes the cluster away.
func (r round) run(ctx context.Context, s settings) (err error) {
	options := r.options
	options.Bin, options.PGBin, options.TTL, options.Netns = s.bin, s.pgBin, s.ttl, lab.Preflight() == nil
	if s.logs != "" {
		options.Dir, options.Keep = filepath.Join(s.logs, strings.ReplaceAll(r.parts[0].name, " ", "-")), true
	}
	c, err := lab.New(options)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	up, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	if err := c.Up(up); err != nil {
		return err
	}
	r.introduce(s)
	for _, p := range r.parts {
		if s.wants(p.name) {
			if err := p.measure(ctx, s, c); err != nil {
				return fmt.Errorf("%s: %w", p.name, err)
			}
		}
	}
	return nil
}

func (r round) introduce(s settings) {
	hosts := "loopback addresses (connections of a killed host are reset)"
	if lab.Preflight() == nil {
		hosts = "network namespaces"
	}
	fmt.Fprintf(s.out, "PostgreSQL %s, %s, ttl %s, three nodes with %s in %s on one machine.\n\n",
		filepath.Base(filepath.Dir(s.pgBin)), r.options.Durability, s.ttl, r.title, hosts)
}
