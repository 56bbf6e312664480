// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// socket is one that something on this host has bound.
type socket struct {
	at    netip.AddrPort
	uid   string
	inode string
}

// holder is the process that has a socket; its pid is 0 when only its user can be told.
type holder struct {
	pid  int
	name string
	user string
}

// String names it as exactly as can be told.
func (h holder) String() string {
	if h.pid == 0 {
		return "a process of user " + h.user
	}
	return fmt.Sprintf("%s, process %d of user %s", h.name, h.pid, h.user)
}

// bound lists the sockets of a protocol, "tcp" (that listen) or "udp". It takes what the kernel tells, and binds nothing.
func bound(protocol string) ([]socket, error) {
	const listening = "0A"
	var all []socket
	for _, family := range []string{"", "6"} {
		f, err := os.Open("/proc/self/net/" + protocol + family)
		if os.IsNotExist(err) && family == "6" {
			continue // a kernel without IPv6
		}
		if err != nil {
			return nil, err
		}
		lines := bufio.NewScanner(f)
		lines.Scan() // the head
		for lines.Scan() {
			fields := strings.Fields(lines.Text())
			if len(fields) < 10 || protocol == "tcp" && fields[3] != listening {
				continue
			}
			if at, ok := address(fields[1]); ok {
				all = append(all, socket{at, fields[7], fields[9]})
			}
		}
		err = lines.Err()
		_ = f.Close()
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

// address reads "0100007F:1F48": groups of four bytes in the order of the machine.
func address(text string) (netip.AddrPort, bool) {
	host, port, _ := strings.Cut(text, ":")
	raw, err := hex.DecodeString(host)
	number, bad := strconv.ParseUint(port, 16, 16)
	if err != nil || bad != nil || len(raw)%4 != 0 {
		return netip.AddrPort{}, false
	}
	for group := range slices.Chunk(raw, 4) {
		binary.NativeEndian.PutUint32(group, binary.BigEndian.Uint32(group))
	}
	addr, ok := netip.AddrFromSlice(raw)
	return netip.AddrPortFrom(addr.Unmap(), uint16(number)), ok
}

// taken finds who is in the way of an address; an unspecified one is in the way of all, and all are in its.
func taken(all []socket, at netip.AddrPort) (socket, bool) {
	n := slices.IndexFunc(all, func(s socket) bool {
		return s.at.Port() == at.Port() && (s.at.Addr() == at.Addr() || s.at.Addr().IsUnspecified() || at.Addr().IsUnspecified())
	})
	if n < 0 {
		return socket{}, false
	}
	return all[n], true
}

// holderOf finds the process that has a socket, as far as this user may see it.
func holderOf(s socket) holder {
	h := holder{user: s.uid}
	if u, err := user.LookupId(s.uid); err == nil {
		h.user = u.Username
	}
	links, _ := filepath.Glob("/proc/[0-9]*/fd/*")
	for _, link := range links {
		if target, err := os.Readlink(link); err == nil && target == "socket:["+s.inode+"]" {
			dir := filepath.Dir(filepath.Dir(link))
			h.pid, _ = strconv.Atoi(filepath.Base(dir))
			name, _ := os.ReadFile(filepath.Join(dir, "comm"))
			h.name = strings.TrimSpace(string(name))
			return h
		}
	}
	return h
}
