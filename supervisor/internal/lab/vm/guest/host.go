// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/pgvigil/pgvigil/supervisor/internal/lab/vm"
)

// mount is a file system and where it goes.
type mount struct {
	source, target, kind string
	flags                uintptr
	data                 string
}

func (m mount) do() error {
	if err := os.MkdirAll(m.target, 0o755); err != nil && !os.IsExist(err) {
		return err
	}
	if err := unix.Mount(m.source, m.target, m.kind, m.flags, m.data); err != nil {
		return fmt.Errorf("mount %s on %s: %w", m.kind, m.target, err)
	}
	return nil
}

func do(mounts []mount) error {
	for _, m := range mounts {
		if err := m.do(); err != nil {
			return err
		}
	}
	return nil
}

// makeHost loads the drivers, moves to the root file system and brings up the network.
func makeHost(plan vm.Plan) error {
	if err := (mount{"dev", "/dev", "devtmpfs", 0, ""}).do(); err != nil {
		return err
	}
	for _, path := range plan.Modules {
		if err := load(path); err != nil {
			return err
		}
	}
	if plan.Systemd {
		return bootSystem(plan)
	}
	if err := moveToRoot(plan); err != nil {
		return err
	}
	if err := giveWatchdog(plan.UID, plan.GID); err != nil {
		return err
	}
	if err := unix.Sethostname([]byte(plan.Name)); err != nil {
		return err
	}
	if err := network(plan.Address); err != nil {
		return err
	}
	for _, dir := range plan.Warm {
		if err := warm(dir); err != nil {
			return err
		}
	}
	return nil
}

// warm reads all files below a directory, which leaves them in the kernel's cache.
func warm(dir string) error {
	return filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		file, err := os.Open(path)
		if err != nil {
			return err
		}
		defer file.Close()
		_, err = io.CopyBuffer(discard{}, file, make([]byte, 1<<20))
		return err
	})
}

// discard has nothing but Write, so that a copy to it uses the buffer it is given.
type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

func load(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	if err := unix.FinitModule(int(file.Fd()), "", 0); err != nil {
		return fmt.Errorf("load %s: %w", path, err)
	}
	return nil
}

const root = "/root"

// Options of file systems offered by this machine: what does not change while the guest runs may be cached; what is shared
// may not.
const (
	old  = "trans=virtio,version=9p2000.L,msize=524288,cache=loose"
	live = "trans=virtio,version=9p2000.L,msize=524288,cache=none"
)

// moveToRoot makes the machine around this one's root file system the root, with the places that must be the guest's own
// mounted over it.
func moveToRoot(plan vm.Plan) error {
	mounts := []mount{
		{vm.RootTag, root, "9p", unix.MS_RDONLY, old},
		{"proc", root + "/proc", "proc", 0, ""},
		{"sys", root + "/sys", "sysfs", 0, ""},
		{"dev", root + "/dev", "devtmpfs", 0, ""},
		{"shm", root + "/dev/shm", "tmpfs", 0, "mode=1777"},
		{"run", root + "/run", "tmpfs", 0, "mode=755"},
		{vm.ShareTag, filepath.Join(root, plan.Share), "9p", 0, live},
	}
	for _, name := range plan.Private {
		mounts = append(mounts, mount{"own", filepath.Join(root, plan.Share, name), "tmpfs", 0,
			fmt.Sprintf("mode=700,uid=%d,gid=%d", plan.UID, plan.GID)})
	}
	if err := do(mounts); err != nil {
		return err
	}
	if err := unix.Chroot(root); err != nil {
		return err
	}
	return unix.Chdir("/")
}

// giveWatchdog lets the user of the supervisor use the watchdog, if there is one, as a udev rule does.
func giveWatchdog(uid, gid int) error {
	found, err := filepath.Glob("/dev/watchdog*")
	for _, path := range found {
		if err := os.Chown(path, uid, gid); err != nil {
			return err
		}
	}
	return err
}

// network brings up the loopback and the one network card.
func network(address string) error {
	if err := up("lo", "127.0.0.1", "255.0.0.0"); err != nil {
		return err
	}
	return up("eth0", address, "255.255.255.0")
}

func up(device, address, mask string) error {
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(socket)
	for _, step := range []struct {
		request uint
		set     func(*unix.Ifreq) error
	}{
		{unix.SIOCSIFADDR, inet(address)},
		{unix.SIOCSIFNETMASK, inet(mask)},
		{unix.SIOCSIFFLAGS, func(r *unix.Ifreq) error { r.SetUint16(unix.IFF_UP | unix.IFF_RUNNING); return nil }},
	} {
		request, err := unix.NewIfreq(device)
		if err != nil {
			return err
		}
		if err := step.set(request); err != nil {
			return err
		}
		if err := unix.IoctlIfreq(socket, step.request, request); err != nil {
			return fmt.Errorf("bring up %s: %w", device, err)
		}
	}
	return nil
}

func inet(text string) func(*unix.Ifreq) error {
	return func(r *unix.Ifreq) error {
		address, err := netip.ParseAddr(text)
		if err != nil {
			return err
		}
		return r.SetInet4Addr(address.AsSlice())
	}
}
