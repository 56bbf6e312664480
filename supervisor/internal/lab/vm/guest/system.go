// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/pgvigil/pgvigil/supervisor/internal/lab/vm"
)

const (
	// lab is where a host with systemd has the initial file system, with this program, its plan and the modules.
	lab = "/run/lab"
	// again is the unit that starts this program when everything else was started.
	again = `[Unit]
After=multi-user.target
[Service]
ExecStart=` + lab + `/init
StandardError=journal+console
`
	unit = "/etc/systemd/system/lab.service"
)

// bootSystem makes a root file system of the one that the machine is offered and a layer in memory for what is changed, and
// gives way to its systemd.
func bootSystem(plan vm.Plan) error {
	err := do([]mount{
		{vm.RootTag, "/lower", "9p", unix.MS_RDONLY, old},
		{"own", "/own", "tmpfs", 0, "size=80%"},
	})
	if err != nil {
		return err
	}
	if err := errors.Join(os.Mkdir("/own/upper", 0o755), os.Mkdir("/own/work", 0o755)); err != nil {
		return err
	}
	err = do([]mount{
		{"root", root, "overlay", 0, "lowerdir=/lower,upperdir=/own/upper,workdir=/own/work"},
		{"run", root + "/run", "tmpfs", 0, "mode=755"},
		{vm.ShareTag, root + plan.Share, "9p", 0, live},
		{"/", root + lab, "", unix.MS_BIND, ""},
	})
	if err != nil {
		return err
	}
	wants := filepath.Join(root, "/etc/systemd/system/multi-user.target.wants/lab.service")
	if err := errors.Join(os.WriteFile(root+unit, []byte(again), 0o644), os.Symlink(unit, wants)); err != nil {
		return err
	}
	return giveWay()
}

// giveWay makes root the root file system for good, and systemd the first process.
func giveWay() error {
	if err := unix.Chdir(root); err != nil {
		return err
	}
	if err := unix.Mount(".", "/", "", unix.MS_MOVE, ""); err != nil {
		return err
	}
	if err := unix.Chroot("."); err != nil {
		return err
	}
	return syscall.Exec("/usr/lib/systemd/systemd", []string{"systemd"}, []string{"PATH=/usr/sbin:/usr/bin"})
}

// Load loads the modules that the host does not load by itself.
func (*Guest) Load(_ vm.None, _ *vm.None) error {
	plan, err := readPlan(lab)
	if err != nil {
		return err
	}
	for _, path := range plan.Later {
		if err := load(lab + path); err != nil {
			return err
		}
	}
	return nil
}
