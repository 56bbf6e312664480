// SPDX-License-Identifier: Apache-2.0

package setup

import (
	"errors"
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

// dataParent is the directory above data_dir if it is another user's, or missing where the owner cannot make it; empty if data_dir
// can be made in it.
func (p *Plan) dataParent(owner Owner) string {
	parent := filepath.Dir(p.DataDir)
	there := parent
	info, err := os.Stat(there)
	for errors.Is(err, fs.ErrNotExist) && there != "/" {
		there = filepath.Dir(there)
		info, err = os.Stat(there)
	}
	if err == nil && info.IsDir() && ownerOf(info) == owner.UID {
		return ""
	}
	return parent
}
