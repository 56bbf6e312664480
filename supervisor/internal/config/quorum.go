// SPDX-License-Identifier: Apache-2.0

package config

import (
	"encoding/json"
	"fmt"
	"time"
)

// quorumAttributes are those of the cluster block that mean something only with durability = "quorum".
func quorumAttributes() []Attribute {
	return []Attribute{
		{Name: "synchronous_standbys", Type: Number, Default: "1", Minimum: bound(1), Maximum: bound(100),
			Description: "How many standbys, any of them, a commit waits for."},
		{Name: "min_sync", Type: Number, Default: "1", Minimum: bound(0),
			Description: "How many standbys a commit waits for at the least when standbys are missing; 0 lets a primary go on alone."},
		{Name: "suspect_after", Type: Duration, Default: nanoseconds(800 * time.Millisecond),
			Minimum: bound(300 * time.Millisecond), Maximum: bound(10 * time.Second),
			Description: "How long a primary's supervisor and PostgreSQL may be silent before another member takes over."},
	}
}

func (d *decoder) quorum(c *Config, b *decoded) {
	c.Durability = b.text("durability")
	c.Quorum = Quorum{
		SyncStandbys: d.wholeNumber(b, "synchronous_standbys"),
		MinSync:      d.wholeNumber(b, "min_sync"),
		SuspectAfter: b.duration("suspect_after"),
	}
	if c.Durability == DurabilityAsync {
		d.withoutQuorum(b)
		return
	}
	q := c.Quorum
	_, bothThere := b.value("min_sync")
	if q.MinSync > q.SyncStandbys && q.SyncStandbys > 0 && bothThere {
		d.diags.errorf(b.at("min_sync"), "min_sync is greater than synchronous_standbys",
			"A commit waits for %d of the standbys, and never for fewer than %d: min_sync may be 0 to %d.", q.SyncStandbys, q.MinSync, q.SyncStandbys)
	}
	if b.set("suspect_after") && c.Timing.TTL > 0 && q.SuspectAfter > c.Timing.TTL {
		d.diags.errorf(b.at("suspect_after"), "suspect_after is longer than ttl",
			"After ttl (%s) without a renewal the leadership has run out anyway: suspect_after (%s) must not be longer.", c.Timing.TTL, q.SuspectAfter)
	}
}

// withoutQuorum warns of attributes that have no effect.
func (d *decoder) withoutQuorum(b *decoded) {
	for _, a := range quorumAttributes() {
		if b.set(a.Name) {
			d.diags.warnf(b.at(a.Name), fmt.Sprintf("%q has no effect", a.Name), "It needs durability = \"quorum\".")
		}
	}
}

// wholeNumber is a number without a fraction.
func (d *decoder) wholeNumber(b *decoded, name string) int {
	v, ok := b.value(name)
	if !ok {
		return 0
	}
	n := b.whole(name)
	if number, is := v.data.(json.Number); is {
		if f, _ := number.Float64(); f != float64(n) {
			d.diags.errorf(v.at, fmt.Sprintf("%q must be a whole number", name), "Such as 1 or 2.")
		}
	}
	return int(n)
}
