// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"context"
	"net"
	"os"
	"strings"

	"github.com/coreos/go-systemd/v22/activation"
	"golang.org/x/sys/unix"
)

// listenAPI opens the REST interface's socket, or takes the one that the process before left with systemd: load balancers that
// ask during a restart wait for their answer, where a socket that is gone would tell them that this host is down.
func (d *Daemon) listenAPI(ctx context.Context) (net.Listener, error) {
	name := strings.ReplaceAll("api "+d.Config.API.Listen, ":", " ") // systemd wants no colons
	for _, kept := range activation.Files(true) {
		defer kept.Close()
		if kept.Name() == name {
			return net.FileListener(kept)
		}
		_ = unix.Shutdown(int(kept.Fd()), unix.SHUT_RD) // for systemd's copy too: the port is free at once
		d.keep("FDSTOREREMOVE=1\nFDNAME=" + kept.Name())
	}
	var lc net.ListenConfig
	socket, err := lc.Listen(ctx, "tcp", d.Config.API.Listen)
	if err != nil {
		return nil, err
	}
	raw, err := socket.(*net.TCPListener).SyscallConn()
	if err == nil {
		err = raw.Control(func(fd uintptr) { d.keep("FDSTORE=1\nFDNAME="+name, int(fd)) })
	}
	return socket, err
}

// keep tells systemd what to keep, or not to.
func (d *Daemon) keep(message string, files ...int) {
	if err := tell(message, files...); err != nil {
		d.Log.Debug("systemd not notified", "error", err)
	}
}

// tell sends systemd a message, with files. It does not wait for one that does not read; without one it does nothing.
func tell(message string, files ...int) error {
	name := os.Getenv("NOTIFY_SOCKET")
	if name == "" {
		return nil
	}
	socket, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer unix.Close(socket)
	var rights []byte
	if len(files) > 0 {
		rights = unix.UnixRights(files...)
	}
	return unix.Sendmsg(socket, []byte(message), rights, &unix.SockaddrUnix{Name: name}, 0)
}
