// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// LimitDisk gives the node's data directory a disk of its own, of that many bytes. It is to be called before the node is
// started for the first time, by root.
func (n *Node) LimitDisk(bytes int64) error {
	if n.limited {
		return fmt.Errorf("disk of %s: limited already", n.Name)
	}
	options := fmt.Sprintf("size=%d,mode=0755,uid=%d,gid=%d", bytes, n.cluster.id.UID, n.cluster.id.GID)
	if err := unix.Mount("tmpfs", n.path("disk"), "tmpfs", 0, options); err != nil {
		return fmt.Errorf("limit the disk of %s: %w", n.Name, err)
	}
	n.limited = true
	return nil
}

// FillDisk uses up what is left of a limited disk; FreeDisk gives it back.
func (n *Node) FillDisk() error {
	if !n.limited {
		return fmt.Errorf("disk of %s: not limited, will not fill it", n.Name)
	}
	file, err := os.Create(n.ballast())
	if err != nil {
		return err
	}
	defer file.Close()
	block := make([]byte, 64<<10)
	for err == nil {
		_, err = file.Write(block)
	}
	if !errors.Is(err, unix.ENOSPC) {
		return err
	}
	return nil
}

// FreeDisk undoes FillDisk.
func (n *Node) FreeDisk() error { return os.Remove(n.ballast()) }

func (n *Node) ballast() string { return filepath.Join(n.path("disk"), "ballast") }

func (n *Node) unmount() error {
	if !n.limited {
		return nil
	}
	n.limited = false
	return unix.Unmount(n.path("disk"), unix.MNT_DETACH)
}
