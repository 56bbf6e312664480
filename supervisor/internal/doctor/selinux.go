// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/pgvigil/pgvigil/supervisor/internal/daemon"
)

// strangers are the types of files that were copied or unpacked by hand: systemd may not run those.
var strangers = []string{"unlabeled_t", "default_t", "user_home_t", "admin_home_t", "user_tmp_t", "tmp_t"}

// selinux looks, where SELinux enforces, whether the programs have labels under which systemd and pgvigild may run them.
func (d *Doctor) selinux(_ context.Context, r *report) {
	if enforce, _ := os.ReadFile("/sys/fs/selinux/enforce"); strings.TrimSpace(string(enforce)) != "1" {
		return
	}
	programs := []string{"/usr/bin/pgvigild", daemon.LauncherPath()}
	for _, spec := range daemon.Specs(d.Config) {
		programs = append(programs, spec.Command)
	}
	labels(r, programs, labelOf)
}

func labels(r *report, programs []string, label func(path string) (string, error)) {
	const id = "kernel.selinux"
	well := true
	for _, path := range programs {
		said, err := label(path)
		fields := strings.Split(said, ":")
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue // others tell
		case err != nil:
			r.fail(id, "restorecon -Fv "+path, "SELinux enforces, and %s has no label: %v", path, err)
		case len(fields) < 3 || slices.Contains(strangers, fields[2]):
			r.fail(id, "restorecon -Fv "+path, "SELinux enforces, and %s has the label %s: systemd may not run it", path, said)
		default:
			continue
		}
		well = false
	}
	if well {
		r.ok(id, "SELinux enforces, and the programs have their labels")
	}
}

// labelOf is the SELinux label of a file, "user:role:type:level".
func labelOf(path string) (string, error) {
	label := make([]byte, 256)
	n, err := unix.Getxattr(path, "security.selinux", label)
	if err != nil {
		return "", err
	}
	return string(bytes.TrimRight(label[:n], "\x00")), nil
}
