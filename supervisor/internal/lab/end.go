// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// end ends everything of the node for good: first whatever would start PostgreSQL again, then PostgreSQL in a way that
// lets it give back its shared memory, then the rest.
func (n *Node) end() error {
	first := n.which(func(p Process) bool { return p.Program != "postgres" && p.Program != "pgvigil-launcher" })
	signalAll(first, syscall.SIGKILL)
	if pid, err := n.Postmaster(); err == nil {
		_ = syscall.Kill(pid, syscall.SIGCONT)
		_ = syscall.Kill(pid, syscall.SIGQUIT)
		n.await(pid, 2*time.Second)
	}
	return errors.Join(n.killAll(), n.freeSharedMemory(), n.unmount())
}

// await returns when a process is gone or the time is up.
func (n *Node) await(pid int, patience time.Duration) {
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for end := time.Now().Add(patience); time.Now().Before(end); <-ticker.C {
		if _, alive := inspect(pid); !alive {
			return
		}
	}
}

// freeSharedMemory removes the System V segment that a killed postmaster left behind; its id is in postmaster.pid.
func (n *Node) freeSharedMemory() error {
	text, err := os.ReadFile(filepath.Join(n.DataDir(), "postmaster.pid"))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	lines := strings.Split(string(text), "\n")
	const shmem = 6
	if len(lines) <= shmem {
		return nil
	}
	fields := strings.Fields(lines[shmem])
	if len(fields) != 2 {
		return nil
	}
	id, err := strconv.Atoi(fields[1])
	if err != nil {
		return nil
	}
	return removeSegment(id, uint32(n.cluster.id.UID))
}

// removeSegment removes a segment of that user that nobody is attached to.
func removeSegment(id int, uid uint32) error {
	var desc unix.SysvShmDesc
	_, err := unix.SysvShmCtl(id, unix.IPC_STAT, &desc)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EIDRM) {
		return nil
	}
	if err != nil || desc.Nattch > 0 || desc.Perm.Uid != uid {
		return err
	}
	_, err = unix.SysvShmCtl(id, unix.IPC_RMID, nil)
	return err
}
