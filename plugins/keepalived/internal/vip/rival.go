// SPDX-License-Identifier: Apache-2.0

package vip

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// patience is how long others have to answer, listening how long one read of the socket may take.
const (
	patience  = 300 * time.Millisecond
	listening = 100 * time.Millisecond
)

// Rival asks the network of the interface by an ARP probe (RFC 5227) who else has the IPv4 address, and returns the
// hardware address of the first that answers, nil when nobody does within 0.3 s. It needs CAP_NET_RAW: without it
// the error is unix.EPERM.
func Rival(on *net.Interface, addr netip.Addr) (net.HardwareAddr, error) {
	if len(on.HardwareAddr) != 6 {
		return nil, fmt.Errorf("interface %s is not Ethernet", on.Name)
	}
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("socket: %w", err)
	}
	defer unix.Close(fd)
	if err := probe(fd, on, addr); err != nil {
		return nil, err
	}
	return answer(fd, on, addr)
}

func probe(fd int, on *net.Interface, addr netip.Addr) error {
	link := unix.SockaddrLinklayer{Protocol: bigEndian(unix.ETH_P_ARP), Ifindex: on.Index}
	if err := unix.Bind(fd, &link); err != nil {
		return fmt.Errorf("bind: %w", err)
	}
	bound := unix.NsecToTimeval(listening.Nanoseconds())
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &bound); err != nil {
		return fmt.Errorf("time-out: %w", err)
	}
	link.Halen = 6
	copy(link.Addr[:], bytes.Repeat([]byte{0xff}, 6))
	if err := unix.Sendto(fd, request(on.HardwareAddr, addr), 0, &link); err != nil {
		return fmt.Errorf("probe: %w", err)
	}
	return nil
}

// answer waits for an ARP packet by which somebody else claims the address.
func answer(fd int, on *net.Interface, addr netip.Addr) (net.HardwareAddr, error) {
	packet := make([]byte, 128)
	for end := time.Now().Add(patience); time.Now().Before(end); {
		n, _, err := unix.Recvfrom(fd, packet, 0)
		switch {
		case errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return nil, fmt.Errorf("answer: %w", err)
		}
		if claimant := sender(packet[:n], addr); claimant != nil && !bytes.Equal(claimant, on.HardwareAddr) {
			return claimant, nil
		}
	}
	return nil, nil
}

// header of ARP for IPv4 over Ethernet, before the operation.
var header = []byte{0, 1, 8, 0, 6, 4}

// request is a probe: its sender claims no address.
func request(from net.HardwareAddr, addr netip.Addr) []byte {
	packet := append(append([]byte{}, header...), 0, 1)
	packet = append(packet, from...)
	packet = append(packet, make([]byte, 4+6)...)
	return append(packet, addr.AsSlice()...)
}

// sender is the hardware address of who says in an ARP packet to have the address.
func sender(packet []byte, addr netip.Addr) net.HardwareAddr {
	if len(packet) < 28 || !bytes.HasPrefix(packet, header) || !bytes.Equal(packet[14:18], addr.AsSlice()) {
		return nil
	}
	return net.HardwareAddr(bytes.Clone(packet[8:14]))
}

func bigEndian(n uint16) uint16 {
	return binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, n))
}
