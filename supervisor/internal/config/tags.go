// SPDX-License-Identifier: Apache-2.0

package config

import "encoding/json"

func (d *decoder) tags(c *Config, root *decoded) {
	b := d.section(root, blockTags)
	c.Tags = Tags{
		NoLoadBalance: b.flag("noloadbalance"),
		CloneFrom:     b.flag("clonefrom"),
		NoSync:        b.flag("nosync"),
		Custom:        customTags(b),
	}
	c.Tags.NoFailover, c.Tags.FailoverPriority = d.failoverTags(b)
}

// failoverTags brings nofailover and failover_priority together, which say the same thing twice.
func (d *decoder) failoverTags(b *decoded) (noFailover bool, priority int) {
	noFailover, priority = b.flag("nofailover"), 1
	if v, ok := b.value("failover_priority"); ok {
		priority = int(b.whole("failover_priority"))
		if n, _ := v.data.(json.Number).Float64(); n != float64(priority) {
			d.diags.errorf(v.at, "failover_priority must be a whole number", "Such as 1 or 100.")
		}
	}
	switch {
	case b.set("nofailover") && noFailover && b.set("failover_priority") && priority > 0:
		d.diags.errorf(b.at("failover_priority"), "nofailover and failover_priority contradict each other",
			"nofailover = true says never, failover_priority = %d says yes. Leave one out.", priority)
	case b.set("nofailover") && !noFailover && priority == 0:
		d.diags.errorf(b.at("failover_priority"), "nofailover and failover_priority contradict each other",
			"nofailover = false says yes, failover_priority = 0 says never. Leave one out.")
	}
	if noFailover || priority == 0 {
		return true, 0
	}
	return false, priority
}

// customTags are the tags that are not in the schema.
func customTags(b *decoded) map[string]string {
	schema, custom := tagsSchema(), map[string]string{}
	for name := range b.values {
		if schema.attribute(name) == nil {
			custom[name] = b.text(name)
		}
	}
	return custom
}
