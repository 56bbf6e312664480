// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// nameForm is what names of clusters and members look like: they become keys in the DCS, parts of paths
// and of URLs.
var nameForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)

// ValidName tells whether a cluster or a member can be called so; NameRule says how it can. A member's has no upper-case letters.
func ValidName(name string) bool { return nameForm.MatchString(name) }

// NameRule is what ValidName asks for, in a sentence.
const NameRule = "It may have up to 63 letters, digits, dots, hyphens and underscores, and begins with a letter or digit: it becomes part of keys, paths and URLs."

// section is the block of a type, or the defaults where it is not there.
func (d *decoder) section(root *decoded, typ string) *decoded {
	if b := root.first(typ); b != nil {
		return b
	}
	return d.body(&rootSchema().block(typ).Body, &hclsyntax.Body{}, root.header, typ)
}

func (d *decoder) cluster(c *Config, root *decoded) {
	b := d.section(root, blockCluster)
	if len(b.labels) == 1 {
		c.Cluster.Name = b.labels[0].text
		d.named("cluster", c.Cluster.Name, b.labels[0].at)
	}
	c.Cluster.Namespace = d.namespace(b)
	c.Cluster.Member = d.member(c.loader, b)
	c.Timing = Timing{
		TTL:                 b.duration("ttl"),
		DriftPPM:            b.whole("clock_drift_ppm"),
		PrimaryStartTimeout: b.duration("primary_start_timeout"),
		PrimaryStopTimeout:  b.duration("primary_stop_timeout"),
	}
	d.shortTTL(c.Timing.TTL, b)
	c.MaximumLagOnFailover = uint64(b.whole("maximum_lag_on_failover"))
	d.quorum(c, b)
}

func (d *decoder) named(what, name string, at hcl.Range) {
	if !ValidName(name) {
		d.diags.errorf(at, fmt.Sprintf("%q is no name for a %s", name, what), NameRule)
	}
}

// shortTTL warns where an election inside a DCS with ordinary timers outlasts a leadership.
func (d *decoder) shortTTL(ttl time.Duration, b *decoded) {
	const comfortable = 3 * time.Second
	if b.set("ttl") && ttl < comfortable {
		d.diags.warnf(b.at("ttl"), "ttl is shorter than an election of etcd",
			"With etcd's default timers the death of its leader stops writes for up to 2.1s. A ttl below %s lets that cost a healthy primary its leadership, unless etcd runs with shorter timers (as the embedded one does).", comfortable)
	}
}

func (d *decoder) namespace(b *decoded) string {
	v, ok := b.value("namespace")
	if !ok {
		return ""
	}
	name := b.text("namespace")
	switch {
	case !strings.HasPrefix(name, "/"):
		d.diags.errorf(v.at, "The namespace must begin with a slash", "Did you mean %q?", "/"+name)
	case name == "/" || strings.HasSuffix(name, "/"):
		d.diags.errorf(v.at, "The namespace must not end with a slash", "The keys of the cluster stand below it, as in %s.", "/service/demo/leader")
	case strings.Contains(name, "//"):
		d.diags.errorf(v.at, "The namespace has an empty part", "Write single slashes.")
	case strings.ContainsFunc(name, notPrintable):
		d.diags.errorf(v.at, "The namespace has blanks or control characters", "Keys are easier to find without them.")
	}
	return name
}

func notPrintable(r rune) bool { return r <= ' ' || r == 0x7f }

// member is the name of this member; without one, the name of the host in lower case.
func (d *decoder) member(l *Loader, b *decoded) string {
	if b.seen["member"] {
		name := b.text("member")
		if b.set("member") {
			d.named("member", name, b.at("member"))
		}
		if name != strings.ToLower(name) {
			d.diags.errorf(b.at("member"), "A member's name has upper-case letters",
				"Write %q: PostgreSQL takes names of standbys that differ by case alone for the same one.", strings.ToLower(name))
		}
		return name
	}
	name, err := l.hostname()
	if err != nil {
		d.diags.errorf(b.header, "The member has no name", "The host name cannot be read (%v): set \"member\" in cluster.", err)
		return ""
	}
	name = strings.ToLower(name)
	if !ValidName(name) {
		d.diags.errorf(b.header, "The host name is no name for a member", "The host is called %q. Set \"member\" in cluster. %s", name, NameRule)
	}
	return name
}

func (d *decoder) dirs(c *Config, root *decoded) {
	c.RunDir = d.dir(root, "run_dir", filepath.Join("/run/pgvigil", c.Cluster.Name))
	c.StateDir = d.dir(root, "state_dir", filepath.Join("/var/lib/pgvigil", c.Cluster.Name))
	c.PluginDir = d.dir(root, "plugin_dir", c.loader.pluginDir())
	if c.RunDir != "" && c.RunDir == c.StateDir {
		d.diags.errorf(root.at("state_dir"), "state_dir and run_dir are the same", "What ends with the host's uptime must not mix with what survives it.")
	}
}

// maxSocketPath is the longest path of a Unix socket, pluginSocket the longest name of a plugin's.
const (
	maxSocketPath = 107
	pluginSocket  = "plugin0123456789"
)

// socketRoom checks that the sockets of all plugins can be made below run_dir.
func (d *decoder) socketRoom(c *Config, root *decoded) {
	longest := ""
	for _, p := range c.Plugins() {
		if path := filepath.Join(c.RunDir, "plugins", p.Name, pluginSocket); len(path) > len(longest) {
			longest = path
		}
	}
	if over := len(longest) - maxSocketPath; over > 0 {
		d.diags.errorf(root.at("run_dir"), "run_dir is too long",
			"Sockets stand below it, such as %s, and their paths may have %d bytes: run_dir must be shorter by %d.", longest, maxSocketPath, over)
	}
}

// dir is an absolute directory, cleaned.
func (d *decoder) dir(root *decoded, name, standard string) string {
	if !root.seen[name] {
		return standard
	}
	dir := root.text(name)
	if root.set(name) && !filepath.IsAbs(dir) {
		d.diags.errorf(root.at(name), fmt.Sprintf("%q must be an absolute path", name), "A relative path would depend on where the daemon is started.")
	}
	return filepath.Clean(dir)
}

// pluginDir is plugins beside the running program, else where packages put them.
func (l *Loader) pluginDir() string {
	const packaged = "/usr/libexec/pgvigil/plugins"
	exe, err := l.Executable()
	if err != nil {
		return packaged
	}
	beside := filepath.Join(filepath.Dir(exe), "plugins")
	if info, err := os.Stat(beside); err != nil || !info.IsDir() {
		return packaged
	}
	return beside
}

func (d *decoder) log(c *Config, root *decoded) {
	b := d.section(root, blockLog)
	c.Log.Format = b.text("format")
	levels := map[string]slog.Level{"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError}
	c.Log.Level = levels[b.text("level")]
}
