// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestUnits: those of RHEL and of Debian that start the data directory, and those that do not, or are kept from it.
func TestUnits(t *testing.T) {
	const (
		masked  = "/etc/systemd/system/postgresql-17.service"
		wants   = "/etc/systemd/system/multi-user.target.wants/"
		rhel    = "/usr/lib/systemd/system/postgresql-17.service"
		enabled = wants + "postgresql-17.service"
		meta    = "/usr/lib/systemd/system/postgresql.service"
		one     = "/usr/lib/systemd/system/postgresql@.service"
		other   = "[Service]\nEnvironment=PGDATA=/elsewhere\n"
		start   = "/etc/postgresql/17/main/start.conf"
	)
	h := newHost(t)
	d := h.doctor(t)
	here := "[Service]\nType=notify\nUser=postgres\n\nEnvironment=PGDATA=" + d.Config.Server.DataDir + "/\n"
	debian := "#data_directory = 'ConfigDir'\ndata_directory = '" + d.Config.Server.DataDir + "'\t# use data in another directory\n"
	etc := map[string]string{"/etc/postgresql/17/main/postgresql.conf": debian, meta: "[Service]\nExecStart=/bin/true\n", one: ""}
	for name, x := range map[string]struct {
		files    map[string]string // by path; a path as content is a link
		severity Severity
		words    []string
	}{
		"nothing enabled":      {map[string]string{rhel: here}, OK, nil},
		"RHEL":                 {map[string]string{rhel: here, enabled: rhel}, Error, []string{"systemctl disable postgresql-17"}},
		"RHEL, another":        {map[string]string{rhel: other, enabled: rhel}, OK, nil},
		"RHEL, with a drop-in": {map[string]string{rhel: other, enabled: rhel, masked + ".d/x.conf": here}, Error, nil},
		"RHEL, masked":         {map[string]string{rhel: here, enabled: rhel, masked: "/dev/null"}, OK, nil},
		"Debian":               {map[string]string{wants + "postgresql.service": meta}, Error, []string{"echo manual > ", start}},
		"Debian, auto":         {map[string]string{wants + "postgresql.service": meta, start: "# manual or\n\nauto\n"}, Error, nil},
		"Debian, manual":       {map[string]string{wants + "postgresql.service": meta, start: "# auto or\nmanual\n"}, OK, nil},
		"Debian, by name": {map[string]string{wants + "postgresql@17-main.service": one, start: "manual\n"}, Error,
			[]string{"systemctl disable postgresql@17-main"}},
		"Debian, another":     {map[string]string{wants + "postgresql@16-main.service": one}, OK, nil},
		"Debian, not enabled": {nil, OK, nil},
	} {
		root := filepath.Join(place(t), "root")
		if strings.HasPrefix(name, "Debian") {
			lay(t, root, etc)
		}
		lay(t, root, x.files)
		r := &report{}
		d.units(r, root)
		expect(t, r.found(), "postgresql.unit", x.severity, x.words...)
		if t.Failed() {
			t.Fatal(name)
		}
	}
}

// lay writes files below root.
func lay(t *testing.T, root string, files map[string]string) {
	t.Helper()
	for path, text := range files {
		path = filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if filepath.IsAbs(text) {
			if err := os.Symlink(text, path); err != nil {
				t.Fatal(err)
			}
			continue
		}
		write(t, path, text, 0o644)
	}
}
