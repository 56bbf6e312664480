// SPDX-License-Identifier: Apache-2.0

package watchdog

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Kernel is what this package asks of the kernel.
type Kernel interface {
	// Stat tells whether a path is a character device and which.
	Stat(path string) (character bool, device uint64, err error)
	// Writable tells, by its error, whether this process may write to a path.
	Writable(path string) error
	// Attribute reads what the kernel tells of a watchdog under a name such as "identity", without opening it.
	// An error means that it does not tell.
	Attribute(device uint64, name string) (string, error)
	// Open opens a device for writing, and thereby arms it. Of most devices there can be one opening only: EBUSY.
	Open(path string) (File, error)
}

// File is an open watchdog.
type File interface {
	// Support is WDIOC_GETSUPPORT: WDIOF_ bits and a name.
	Support() (options uint32, identity string, err error)
	// SetTimeout and Timeout are in seconds.
	SetTimeout(seconds int) error
	Timeout() (int, error)
	Keepalive() error
	Write(p []byte) (int, error)
	Close() error
}

// Linux is the real Kernel.
type Linux struct{}

// Stat implements Kernel.
func (Linux) Stat(path string) (bool, uint64, error) {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return false, 0, err
	}
	return st.Mode&unix.S_IFMT == unix.S_IFCHR, uint64(st.Rdev), nil //nolint:unconvert // narrower on some architectures
}

// Writable implements Kernel.
func (Linux) Writable(path string) error {
	return unix.Faccessat(unix.AT_FDCWD, path, unix.W_OK, unix.AT_EACCESS)
}

// legacyDevice is /dev/watchdog, an alias of /dev/watchdog0 with a device number of its own.
var legacyDevice = unix.Mkdev(10, 130)

// Attribute implements Kernel.
func (Linux) Attribute(device uint64, name string) (string, error) {
	dir := fmt.Sprintf("/sys/dev/char/%d:%d", unix.Major(device), unix.Minor(device))
	if device == legacyDevice {
		dir = "/sys/class/watchdog/watchdog0"
	}
	b, err := os.ReadFile(filepath.Join(dir, name))
	return strings.TrimSpace(string(b)), err
}

// Open implements Kernel.
func (Linux) Open(path string) (File, error) {
	fd, err := unix.Open(path, unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	return file(fd), nil
}

// file is a descriptor. It is not an *os.File: that would try to poll the device.
type file int

// Support implements File.
func (f file) Support() (uint32, string, error) {
	info, err := unix.IoctlGetWatchdogInfo(int(f))
	if err != nil {
		return 0, "", err
	}
	return info.Options, unix.ByteSliceToString(info.Identity[:]), nil
}

// SetTimeout implements File.
func (f file) SetTimeout(seconds int) error {
	value := int32(seconds)
	return f.ioctl(unix.WDIOC_SETTIMEOUT, &value)
}

// Timeout implements File.
func (f file) Timeout() (int, error) {
	var value int32
	err := f.ioctl(unix.WDIOC_GETTIMEOUT, &value)
	return int(value), err
}

func (f file) ioctl(request uint, value *int32) error {
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(f), uintptr(request), uintptr(unsafe.Pointer(value)))
	if errno != 0 {
		return errno
	}
	return nil
}

// Keepalive implements File.
func (f file) Keepalive() error { return unix.IoctlWatchdogKeepalive(int(f)) }

// Write implements File.
func (f file) Write(p []byte) (int, error) { return unix.Write(int(f), p) }

// Close implements File.
func (f file) Close() error { return unix.Close(int(f)) }
