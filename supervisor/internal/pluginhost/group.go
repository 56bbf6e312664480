// SPDX-License-Identifier: Apache-2.0

package pluginhost

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	goplugin "github.com/hashicorp/go-plugin"
	"golang.org/x/sys/unix"
)

// groupFile records the process group of the plugin that runs now. A host that was killed takes its plugins
// with it, but not what they had started: the next host finds that by this record.
const groupFile = "group"

func recordGroup(dir string, pgid int) error {
	if err := os.WriteFile(filepath.Join(dir, groupFile), []byte(strconv.Itoa(pgid)+"\n"), 0o600); err != nil {
		return fmt.Errorf("record of process group: %w", err)
	}
	return nil
}

// sweepGroup kills what is left of the group recorded in dir, and tells its number; 0 if nothing was left. The
// number alone proves nothing, it may be in use again: a member must have been started with our socket directory.
func sweepGroup(dir string) (int, error) {
	raw, err := os.ReadFile(filepath.Join(dir, groupFile))
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("record of process group: %w", err)
	}
	pgid, err := strconv.Atoi(string(bytes.TrimSpace(raw)))
	if err != nil || pgid <= 1 || !groupIsOurs(pgid, dir) {
		return 0, nil
	}
	if err := unix.Kill(-pgid, unix.SIGKILL); err != nil && !errors.Is(err, unix.ESRCH) {
		return 0, fmt.Errorf("leftover process group %d: %w", pgid, err)
	}
	return pgid, nil
}

// groupIsOurs tells whether any process of the group was started for the socket directory.
func groupIsOurs(pgid int, dir string) bool {
	processes, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return false
	}
	mark := []byte(goplugin.EnvUnixSocketDir + "=" + dir)
	return slices.ContainsFunc(processes, func(process string) bool {
		pid, err := strconv.Atoi(filepath.Base(process))
		if err != nil {
			return false
		}
		if group, err := unix.Getpgid(pid); err != nil || group != pgid {
			return false
		}
		env, err := os.ReadFile(filepath.Join(process, "environ"))
		return err == nil && slices.ContainsFunc(bytes.Split(env, []byte{0}), func(kv []byte) bool { return bytes.Equal(kv, mark) })
	})
}
