// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// data looks at the data directory, and at the other directories that pgvigil writes into.
func (d *Doctor) data(_ context.Context, r *report) {
	if d.Config.Postgres.Kind != "" {
		d.dataDir(r)
		writable(r, "data.state_dir", d.Config.StateDir)
		writable(r, "data.run_dir", d.Config.RunDir)
	}
	if e, _ := d.Config.Embedded(); e != nil {
		private(r, "data.etcd", e.DataDir)
	}
}

// dataDir looks at the data directory and its parent: a copy is made beside it.
func (d *Doctor) dataDir(r *report) {
	const id = "data.data_dir"
	dir := d.Config.Server.DataDir
	parent := filepath.Dir(dir)
	place := nearest(parent)
	err := unix.Access(place, unix.W_OK|unix.X_OK)
	switch {
	case err != nil && place != parent:
		r.fail(id, "make it: install -d -o "+d.Config.Server.User+" -m 0700 "+parent,
			"the parent of data_dir, %s, is not there, and cannot be made in %s: %v", parent, place, err)
		return
	case err != nil:
		r.fail(id, "chown "+d.Config.Server.User+" "+parent, "the parent of data_dir, %s, cannot be written: %v", parent, err)
	}
	var above unix.Stat_t
	if err := unix.Stat(place, &above); err != nil {
		r.fail(id, "", "%s: %v", place, err)
		return
	}
	private(r, id, dir)
	var own unix.Stat_t
	if unix.Stat(dir, &own) == nil && own.Dev != above.Dev {
		r.warn(id, "mount the file system at "+parent+" or above, and set data_dir to a directory in it",
			"%s is a mount point: it cannot be replaced by a copy", dir)
	}
	room(r, "data.space", place)
	if unix.Stat(dir, &own) == nil && own.Dev != above.Dev {
		room(r, "data.space", dir)
	}
}

// private looks at a directory that is PostgreSQL's or etcd's alone, and may be still to be made.
func private(r *report, id, dir string) {
	var st unix.Stat_t
	switch err := unix.Stat(dir, &st); {
	case errors.Is(err, fs.ErrNotExist):
		writable(r, id, dir)
	case err != nil:
		r.fail(id, "", "%s: %v", dir, err)
	case st.Mode&unix.S_IFMT != unix.S_IFDIR:
		r.fail(id, "move it away", "%s is not a directory", dir)
	case int(st.Uid) != os.Geteuid():
		r.fail(id, "chown -R it to the user of block postgres", "%s belongs to user id %d, not to %d", dir, st.Uid, os.Geteuid())
	case st.Mode&0o027 != 0:
		r.fail(id, "chmod 0700 "+dir, "the mode of %s is %04o; PostgreSQL takes 0700 and 0750 only", dir, st.Mode&0o7777)
	default:
		r.ok(id, "%s, mode %04o", dir, st.Mode&0o7777)
	}
}

// nearest is the directory itself or, while that is not there, the first above it that is.
func nearest(dir string) string {
	for unix.Access(dir, unix.F_OK) != nil && dir != "/" {
		dir = filepath.Dir(dir)
	}
	return dir
}

// writable tells whether a directory can be written, or made.
func writable(r *report, id, dir string) {
	place := nearest(dir)
	err := unix.Access(place, unix.W_OK|unix.X_OK)
	switch {
	case err != nil && place == dir:
		r.fail(id, "give it to the user of block postgres (chown)", "%s cannot be written: %v", dir, err)
	case err != nil:
		r.warn(id, "a supervisor that root starts makes it, and its unit makes /run/pgvigil and /var/lib/pgvigil; else make it, "+
			"owned by the user of block postgres", "%s is not there, and cannot be made in %s: %v", dir, place, err)
	case place == dir:
		r.ok(id, "%s can be written", dir)
	default:
		r.ok(id, "%s is not there yet, and can be made", dir)
	}
}

// The least room in a file system that is no reason for a warning.
const leastBytes, leastShare = 1 << 30, 20 // a twentieth

// room looks whether a file system takes more.
func room(r *report, id, path string) {
	var st unix.Statfs_t
	if err := unix.Statfs(path, &st); err != nil {
		r.fail(id, "", "file system of %s: %v", path, err)
		return
	}
	free, all := st.Bavail*uint64(st.Bsize), st.Blocks*uint64(st.Bsize)
	switch {
	case st.Flags&unix.ST_RDONLY != 0:
		r.fail(id, "mount it for writing; if the kernel made it so, its log says which error of the disk it was",
			"the file system of %s is read-only", path)
	case free == 0 || st.Files > 0 && st.Ffree == 0:
		r.fail(id, "make room in it", "the file system of %s is full: %d bytes and %d inodes are free", path, free, st.Ffree)
	case free < leastBytes || free < all/leastShare:
		r.warn(id, "make room in it, or give it more",
			"%.1f GB of %.1f GB are free in the file system of %s", gigabytes(free), gigabytes(all), path)
	default:
		r.ok(id, "%.1f GB of %.1f GB are free in the file system of %s", gigabytes(free), gigabytes(all), path)
	}
}

func gigabytes(n uint64) float64 { return float64(n) / (1 << 30) }
