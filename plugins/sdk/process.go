// SPDX-License-Identifier: Apache-2.0

package sdk

import (
	"errors"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// parentInterval is how often the parent is looked at where its end cannot be waited for. It is the second line: a supervisor
// has the kernel kill its plugins with it.
const parentInterval = time.Second

// followSignals swallows what a terminal or a service manager sends to the whole group: the supervisor
// needs its plugins to shut down in order. Once the plugin is stopped, they end it. Signals are caught
// and not ignored, because an ignored signal would stay ignored in every program the plugin starts.
// SIGPIPE is caught so that a closed stderr does not kill the plugin.
func (s *server) followSignals() {
	got := make(chan os.Signal, 8)
	signal.Notify(got, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE)
	for sig := range got {
		if _, stopped := s.base.life.state(); stopped && sig != syscall.SIGPIPE {
			s.end()
		}
	}
}

// followParent ends the process when the parent is gone: without it nobody decides any more.
func (s *server) followParent(parent int) {
	for os.Getppid() == parent {
		if awaitEnd(parent) != nil {
			time.Sleep(parentInterval)
		}
	}
	slog.Warn("supervisor is gone, plugin ends", "parent", parent)
	s.end()
}

// awaitEnd returns when a process has ended. Kernels before 5.3 cannot tell.
func awaitEnd(pid int) error {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	for {
		if _, err = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, -1); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// end stops the gRPC server, upon which serve finishes; the process ends also when that hangs.
func (s *server) end() {
	time.AfterFunc(exitGrace, func() { os.Exit(1) })
	if g := s.grpc(); g != nil {
		g.Stop()
	}
}
