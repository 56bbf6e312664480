// SPDX-License-Identifier: Apache-2.0

package setup

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// ownerOf is the number of a file's owner, -1 where the system does not tell.
func ownerOf(info fs.FileInfo) int {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(stat.Uid)
	}
	return -1
}

// dataParent is the directory above data_dir if it is missing or another user's; empty if data_dir can be made in it.
func (p *Plan) dataParent(owner Owner) string {
	parent := filepath.Dir(p.DataDir)
	info, err := os.Stat(parent)
	if err == nil && info.IsDir() && ownerOf(info) == owner.UID {
		return ""
	}
	return parent
}
