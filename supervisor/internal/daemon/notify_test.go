// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"fmt"
	"net"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/pgvigil/pgvigil/supervisor/internal/loop"
	"github.com/pgvigil/pgvigil/supervisor/internal/status"
)

// Ensure systemd hears READY with the first tick, and of a reload in the form it demands: one datagram with the
// time it began.
func TestNotify(t *testing.T) {
	path := filepath.Join(place(t), "notify")
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	t.Setenv("NOTIFY_SOCKET", path)
	n := newNotifier((&journal{}).logger())
	n.ticked(&status.Snapshot{})
	n.ticked(&status.Snapshot{})
	n.reloading()
	n.reloaded()
	for _, want := range []string{`READY=1`, `STATUS=not known yet, epoch 0, rule `, `RELOADING=1\nMONOTONIC_USEC=[1-9]\d+`, `READY=1`} {
		buffer := make([]byte, 4096)
		if err := socket.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
			t.Fatal(err)
		}
		size, err := socket.Read(buffer)
		if got := string(buffer[:size]); err != nil || !regexp.MustCompile("^"+want+"$").MatchString(got) {
			t.Errorf("datagram %q, want %q, error %v", got, want, err)
		}
	}
	select {
	case <-n.started:
	default:
		t.Error("reloads would wait for ever")
	}
}

func refusedError() error { return fmt.Errorf("%w: another supervisor", loop.ErrRefused) }
