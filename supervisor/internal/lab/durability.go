// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"errors"
	"time"
)

// Durability is that of the configurations as the lab wrote them last.
func (c *Cluster) Durability() string { return c.options.Durability }

// SetDurability changes the durability at run time, with those HCL lines in the block "cluster": it rewrites the configurations and
// makes the supervisors, which must run, read them.
func (c *Cluster) SetDurability(durability, lines string) error {
	c.options.Durability, c.options.Cluster = durability, lines
	return c.reload()
}

// SetTTL changes the ttl at run time in the same way.
func (c *Cluster) SetTTL(ttl time.Duration) error {
	c.options.TTL = ttl
	return c.reload()
}

func (c *Cluster) reload() error {
	var errs []error
	for _, n := range c.Nodes {
		errs = append(errs, n.Configure(n.Config()))
	}
	for _, n := range c.Nodes {
		errs = append(errs, n.ReloadSupervisor())
	}
	return errors.Join(errs...)
}
