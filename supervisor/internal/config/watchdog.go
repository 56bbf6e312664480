// SPDX-License-Identifier: Apache-2.0

package config

import (
	"path/filepath"
	"time"
)

// standardMargin is Patroni's, too.
const standardMargin = 5 * time.Second

// watchdog checks that the device resets a host that lost its leadership before others take it, and does
// not reset one that merely renews.
func (d *decoder) watchdog(c *Config, root *decoded) {
	b := d.section(root, blockWatchdog)
	ttl := c.Timing.TTL
	c.Watchdog = Watchdog{Mode: b.text("mode"), Device: b.text("device"), SafetyMargin: min(standardMargin, ttl/2)}
	if b.seen["safety_margin"] {
		c.Watchdog.SafetyMargin = b.duration("safety_margin")
	}
	c.Watchdog.Timeout = (ttl - c.Watchdog.SafetyMargin).Truncate(time.Second)
	if b.set("device") && !filepath.IsAbs(c.Watchdog.Device) {
		d.diags.errorf(b.at("device"), "The device must be an absolute path", "Such as /dev/watchdog.")
	}
	if c.Watchdog.Mode != WatchdogOff && ttl > 0 && (b.set("safety_margin") || !b.seen["safety_margin"]) {
		d.watchdogTimes(c.Watchdog, ttl, b)
	}
}

func (d *decoder) watchdogTimes(w Watchdog, ttl time.Duration, b *decoded) {
	at, renewal := b.at("safety_margin"), ttl/4
	switch {
	case w.SafetyMargin >= ttl:
		d.diags.errorf(at, "safety_margin must be less than ttl",
			"The watchdog is set to ttl (%s) less safety_margin (%s): nothing is left. The margin is the time by which a hanging host is reset before others may take over.", ttl, w.SafetyMargin)
	case w.Timeout < time.Second:
		d.warnOrError(w, b, "ttl is too short for a watchdog",
			"Watchdogs count whole seconds, and ttl (%s) less safety_margin (%s) leaves none. Lengthen ttl, or set mode = \"off\" and rely on the launcher's own timer.", ttl, w.SafetyMargin)
	case w.Timeout <= renewal:
		d.diags.errorf(at, "safety_margin leaves too little time",
			"The watchdog would reset the host after %s, but the leadership, whose renewal feeds it, is renewed every quarter of ttl (%s): a healthy host would be reset. safety_margin must be less than %s.", w.Timeout, renewal, ttl-renewal)
	case b.set("safety_margin") && w.SafetyMargin > ttl/2:
		d.diags.warnf(at, "One late renewal can reset the host",
			"The watchdog resets the host after %s without a renewal; renewals come every %s. A safety_margin of up to half of ttl (%s) tolerates a lost one.", w.Timeout, renewal, ttl/2)
	}
}

// warnOrError is an error where somebody asked for the watchdog, a warning where it would merely be used
// if there was one and the reader asked for the block, and silence otherwise.
func (d *decoder) warnOrError(w Watchdog, b *decoded, summary, format string, args ...any) {
	switch {
	case w.Mode == WatchdogRequired:
		d.diags.errorf(b.at("safety_margin"), summary, format, args...)
	case b.raw != nil:
		d.diags.warnf(b.at("safety_margin"), summary, format, args...)
	}
}
