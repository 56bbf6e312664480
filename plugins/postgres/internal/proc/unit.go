// SPDX-License-Identifier: Apache-2.0

package proc

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Unit is the name of the systemd service that a process runs in; empty when there is none.
func Unit(pid int) string {
	groups, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cgroup")
	name := filepath.Base(strings.TrimSpace(string(groups)))
	if err != nil || !strings.HasSuffix(name, ".service") {
		return ""
	}
	return name
}
