// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

var (
	pgdata        = regexp.MustCompile(`(?m)^\s*Environment="?PGDATA=([^"\s]+)`)
	dataDirectory = regexp.MustCompile(`(?m)^\s*data_directory\s*=?\s*'([^']+)'`)
	startMode     = regexp.MustCompile(`(?m)^\s*(auto|manual|disabled)\b`)
)

// units looks whether an enabled unit of a distribution, below root, starts PostgreSQL in the data directory.
func (d *Doctor) units(r *report, root string) {
	const id = "postgresql.unit"
	dir, none := d.Config.Server.DataDir, true
	enabled, _ := filepath.Glob(filepath.Join(root, "etc/systemd/system/*.wants/postgresql*.service"))
	for _, link := range enabled {
		for started, change := range starts(root, link) {
			if sameDir(started, dir) {
				none = false
				r.fail(id, change, "%s is enabled: it starts PostgreSQL in %s at boot, behind pgvigil's back", filepath.Base(link), dir)
			}
		}
	}
	if none {
		r.ok(id, "no unit of a distribution starts PostgreSQL in %s", dir)
	}
}

// starts tells where an enabled unit starts PostgreSQL, and how to keep it from that. RHEL's says where itself; Debian's starts
// the cluster that it names, or all that are to be started by themselves.
func starts(root, link string) map[string]string {
	unit := filepath.Base(link)
	own := filepath.Join(root, "etc/systemd/system", unit)
	if target, _ := os.Readlink(own); target == "/dev/null" { // masked
		return nil
	}
	disable := "systemctl disable " + unit
	target, _ := os.Readlink(link)
	dir := lastIn(filepath.Join(root, target), pgdata, "")
	dropIns, _ := filepath.Glob(own + ".d/*.conf")
	for _, file := range dropIns {
		dir = lastIn(file, pgdata, dir)
	}
	if dir != "" {
		return map[string]string{dir: disable}
	}
	out := map[string]string{}
	name, one := strings.CutPrefix(strings.TrimSuffix(unit, ".service"), "postgresql@")
	if !one {
		name = "*-*"
	}
	clusters, _ := filepath.Glob(filepath.Join(root, "etc/postgresql", strings.Replace(name, "-", "/", 1)))
	for _, cluster := range clusters {
		dir, setting := lastIn(filepath.Join(cluster, "postgresql.conf"), dataDirectory, ""), filepath.Join(cluster, "start.conf")
		switch mode := lastIn(setting, startMode, "auto"); {
		case one && mode != "disabled":
			out[dir] = disable
		case !one && mode == "auto":
			out[dir] = "echo manual > " + setting + "; systemctl daemon-reload"
		}
	}
	return out
}

// lastIn is what a file says last of something, or else what is known before.
func lastIn(file string, wanted *regexp.Regexp, before string) string {
	text, _ := os.ReadFile(file)
	if all := wanted.FindAllSubmatch(text, -1); len(all) > 0 {
		return string(all[len(all)-1][1])
	}
	return before
}

func sameDir(a, b string) bool {
	x, err := os.Stat(a)
	if err != nil {
		return filepath.Clean(a) == b
	}
	y, err := os.Stat(b)
	return err == nil && os.SameFile(x, y)
}
