// SPDX-License-Identifier: Apache-2.0

// Package trackfile writes the file that Keepalived tracks, and tells whether it was read.
package trackfile

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// File is a track file. Its owner is the only one who writes it. Not safe for concurrent use.
type File struct {
	path  string
	value int
	// put is the file as it was put there; nil before.
	put os.FileInfo
	at  time.Time
}

// Open finds the file at path, which need not exist; what cannot be read counts as 0, as with Keepalived.
func Open(path string) *File {
	raw, _ := os.ReadFile(path)
	value, _ := strconv.Atoi(strings.TrimSpace(string(raw)))
	return &File{path: path, value: value, at: time.Now()}
}

// Path of the file.
func (f *File) Path() string { return f.path }

// Value that the file was opened with or was last given.
func (f *File) Value() int { return f.value }

// Since is when the file was opened or written last.
func (f *File) Since() time.Time { return f.at }

// Put has the file hold a value, in one step for whoever reads it. A file that is still as it was put is left
// alone. The directory is made when it is missing. After an error the file is as before.
func (f *File) Put(value int) error {
	if value == f.value && f.intact() {
		return nil
	}
	dir, name := filepath.Split(f.path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	fresh := filepath.Join(dir, "."+name+".new")
	put, err := write(fresh, value)
	if err != nil {
		return err
	}
	if err := os.Rename(fresh, f.path); err != nil {
		return err
	}
	f.value, f.put, f.at = value, put, time.Now()
	return nil
}

// write makes a file that looks as if it had never been read. It is not flushed: after a power loss it is to be
// written anew anyway.
func write(path string, value int) (os.FileInfo, error) {
	if err := os.WriteFile(path, []byte(strconv.Itoa(value)+"\n"), 0o644); err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o644); err != nil {
		return nil, err
	}
	if err := os.Chtimes(path, unread, time.Now()); err != nil {
		return nil, err
	}
	return os.Stat(path)
}

// unread is the access time of a file nobody read yet.
var unread = time.Unix(0, 0)

func (f *File) intact() bool {
	now, err := os.Stat(f.path)
	return err == nil && f.put != nil && os.SameFile(now, f.put) &&
		now.ModTime().Equal(f.put.ModTime()) && now.Size() == f.put.Size()
}

// Ignored tells that nobody has read the file since it was put; false also when that cannot be told, because the
// file system keeps no access times.
func (f *File) Ignored() bool {
	var fs unix.Statfs_t
	if err := unix.Statfs(f.path, &fs); err != nil || fs.Flags&unix.ST_NOATIME != 0 || !f.intact() {
		return false
	}
	now, err := os.Stat(f.path)
	return err == nil && now.Sys().(*syscall.Stat_t).Atim.Sec == unread.Unix()
}

// Remove removes the file, not its directory: Keepalived watches that.
func (f *File) Remove() error { return os.Remove(f.path) }
