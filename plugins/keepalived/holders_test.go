// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// holders samples, every two milliseconds, on which hosts the VIP is.
type holders struct {
	t     testing.TB
	hosts []*host
	links []int
	quit  chan struct{}
	ended sync.WaitGroup

	mu      sync.Mutex
	changes []change
	slowest time.Duration
}

// change is a sample that differs from the one before.
type change struct {
	at time.Time
	on []string
}

// watchHolders samples until the test ends.
func watchHolders(t testing.TB, hosts []*host) *holders {
	t.Helper()
	w := &holders{t: t, hosts: hosts, quit: make(chan struct{})}
	for _, h := range hosts {
		err := h.inside(func() error {
			fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
			w.links = append(w.links, fd)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	w.ended.Add(1)
	go w.run()
	t.Cleanup(func() {
		close(w.quit)
		w.ended.Wait()
		for _, fd := range w.links {
			unix.Close(fd)
		}
		t.Logf("the slowest of the samples came after %s", w.slowest)
	})
	return w
}

func (w *holders) run() {
	defer w.ended.Done()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for last := time.Now(); ; {
		var on []string
		for i, fd := range w.links {
			held, err := hasVIP(fd)
			if err != nil {
				w.t.Errorf("addresses of %s: %v", w.hosts[i].name, err)
				return
			}
			if held {
				on = append(on, w.hosts[i].name)
			}
		}
		w.note(on, time.Since(last))
		last = time.Now()
		select {
		case <-tick.C:
		case <-w.quit:
			return
		}
	}
}

func (w *holders) note(on []string, took time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.slowest = max(w.slowest, took)
	if len(w.changes) == 0 || !slices.Equal(w.changes[len(w.changes)-1].on, on) {
		w.changes = append(w.changes, change{time.Now(), on})
	}
}

// now is where the VIP is.
func (w *holders) now() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.changes) == 0 {
		return ""
	}
	return strings.Join(w.changes[len(w.changes)-1].on, "+")
}

// since lists where the VIP was from a moment on, "-" for nowhere, beginning with where it was then.
func (w *holders) since(t time.Time) (seen []string, at []time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, c := range w.changes {
		if i+1 < len(w.changes) && w.changes[i+1].at.Before(t) {
			continue
		}
		on := strings.Join(c.on, "+")
		if on == "" {
			on = "-"
		}
		seen, at = append(seen, on), append(at, c.at.Sub(t))
	}
	return seen, at
}

// nowhere is how long the VIP was nowhere before it was somewhere again, the longest time from a moment on.
func (w *holders) nowhere(t time.Time) (longest time.Duration) {
	seen, at := w.since(t)
	for i := range len(seen) - 1 {
		if seen[i] == "-" {
			longest = max(longest, at[i+1]-at[i])
		}
	}
	return longest
}

// story is since in one line.
func (w *holders) story(t time.Time) string {
	seen, at := w.since(t)
	var b strings.Builder
	for i := range seen {
		if i > 0 {
			fmt.Fprintf(&b, " [%s] ", at[i].Round(time.Millisecond))
		}
		b.WriteString(seen[i])
	}
	return b.String()
}

// hasVIP asks a netlink socket for the addresses of its namespace.
func hasVIP(fd int) (bool, error) {
	request := make([]byte, unix.SizeofNlMsghdr+unix.SizeofIfAddrmsg)
	binary.NativeEndian.PutUint32(request, uint32(len(request)))
	binary.NativeEndian.PutUint16(request[4:], unix.RTM_GETADDR)
	binary.NativeEndian.PutUint16(request[6:], unix.NLM_F_REQUEST|unix.NLM_F_DUMP)
	request[unix.SizeofNlMsghdr] = unix.AF_INET
	if err := unix.Sendto(fd, request, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return false, err
	}
	vip := netip.MustParseAddr(vipAddr)
	held, buffer := false, make([]byte, 1<<16)
	for {
		n, _, err := unix.Recvfrom(fd, buffer, 0)
		if err != nil {
			return false, err
		}
		messages, err := syscall.ParseNetlinkMessage(buffer[:n])
		if err != nil {
			return false, err
		}
		for _, m := range messages {
			if m.Header.Type == unix.NLMSG_DONE {
				return held, nil
			}
			attrs, err := syscall.ParseNetlinkRouteAttr(&m)
			if err != nil {
				return false, err
			}
			for _, a := range attrs {
				addr, _ := netip.AddrFromSlice(a.Value)
				held = held || a.Attr.Type == unix.IFA_LOCAL && addr == vip
			}
		}
	}
}
