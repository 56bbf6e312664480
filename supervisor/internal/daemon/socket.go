// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"context"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"github.com/coreos/go-systemd/v22/activation"
	"golang.org/x/sys/unix"
)

// listenAPI opens the REST interface's socket, or takes the one that the process before left with systemd: load balancers that
// ask during a restart wait for their answer, where a socket that is gone would tell them that this host is down.
func (d *Daemon) listenAPI(ctx context.Context) (net.Listener, error) {
	name := strings.ReplaceAll("api "+d.Config.API.Listen, ":", " ") // systemd wants no colons
	kept, err := activation.ListenersWithNames()
	if err != nil {
		return nil, fmt.Errorf("sockets kept by systemd: %w", err)
	}
	others := false
	for other, sockets := range kept {
		for _, socket := range sockets {
			if other == name {
				return socket, nil
			}
			others = true
			socket.Close()
			d.tell("FDSTOREREMOVE=1\nFDNAME=" + other)
		}
	}
	socket, err := listen(ctx, d.Config.API.Listen)
	for end := time.Now().Add(time.Second); err != nil && others && time.Now().Before(end); <-time.After(20 * time.Millisecond) {
		socket, err = listen(ctx, d.Config.API.Listen) // systemd has one at this port that it is about to close
	}
	if err != nil {
		return nil, err
	}
	if file, err := socket.(*net.TCPListener).File(); err == nil {
		d.tell("FDSTORE=1\nFDNAME="+name, int(file.Fd()))
		file.Close()
	}
	return socket, nil
}

func listen(ctx context.Context, address string) (net.Listener, error) {
	var lc net.ListenConfig
	return lc.Listen(ctx, "tcp", address)
}

// tell sends systemd a message, with files; without a systemd that listens it does nothing.
func (d *Daemon) tell(message string, files ...int) {
	name := os.Getenv("NOTIFY_SOCKET")
	if name == "" {
		return
	}
	socket, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err == nil {
		defer unix.Close(socket)
		err = unix.Sendmsg(socket, []byte(message), unix.UnixRights(files...), &unix.SockaddrUnix{Name: name}, 0)
	}
	if err != nil {
		d.Log.Debug("systemd not notified", "error", err)
	}
}
