// SPDX-License-Identifier: Apache-2.0

package sdk

import (
	"fmt"
	"os"
	"syscall"
)

// stdio is a process's stdout and stderr around the handshake. One stray byte on stdout before the
// handshake line breaks it; after the line go-plugin swaps os.Stdout and os.Stderr for pipes that
// block when the host does not drain them.
type stdio struct {
	// handshake stays open for the life of the process: its end would look like the plugin's.
	handshake *os.File
	stderr    *os.File
}

// sealStdout points file descriptor 1 to stderr, so that nothing but the handshake, through a
// descriptor of its own in os.Stdout, reaches the host.
func sealStdout() (*stdio, error) {
	private, err := syscall.Dup(1)
	if err != nil {
		return nil, fmt.Errorf("duplicate: %w", err)
	}
	syscall.CloseOnExec(private)
	if err := syscall.Dup3(2, 1, 0); err != nil {
		return nil, fmt.Errorf("redirection to stderr: %w", err)
	}
	s := &stdio{handshake: os.NewFile(uintptr(private), "handshake"), stderr: os.Stderr}
	os.Stdout = s.handshake
	return s, nil
}

// seal gives os.Stdout and os.Stderr back to stderr. To be called once the handshake is over, which is
// known by the first call that arrives: go-plugin accepts none before it is done with them.
func (s *stdio) seal() {
	os.Stdout, os.Stderr = s.stderr, s.stderr
}
