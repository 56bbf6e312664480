// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// identity is whom the processes of the nodes run as: the caller, or user postgres when the caller is root, because
// PostgreSQL refuses to run as root.
type identity struct {
	uid, gid   int
	name, home string
	credential *syscall.Credential
}

func whoami() (identity, error) {
	if uid := os.Geteuid(); uid != 0 {
		me, err := user.LookupId(strconv.Itoa(uid))
		if err != nil {
			return identity{}, fmt.Errorf("the user running this: %w", err)
		}
		return identity{uid: uid, gid: os.Getegid(), name: me.Username, home: me.HomeDir}, nil
	}
	account, err := user.Lookup("postgres")
	if err != nil {
		return identity{}, fmt.Errorf("run as root, the nodes need a user to run as: %w", err)
	}
	uid, err := strconv.Atoi(account.Uid)
	if err != nil {
		return identity{}, fmt.Errorf("uid of postgres: %w", err)
	}
	gid, err := strconv.Atoi(account.Gid)
	if err != nil {
		return identity{}, fmt.Errorf("gid of postgres: %w", err)
	}
	credential := &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return identity{uid: uid, gid: gid, name: "postgres", home: account.HomeDir, credential: credential}, nil
}

// mkdir makes a directory that belongs to the identity.
func (id identity) mkdir(path string, mode fs.FileMode) error {
	if err := os.MkdirAll(path, mode); err != nil {
		return err
	}
	return os.Chown(path, id.uid, id.gid)
}

// write writes a file that belongs to the identity and that others may not read.
func (id identity) write(path, text string) error {
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return err
	}
	return os.Chown(path, id.uid, id.gid)
}

// adopt gives everything under a path to the identity.
func (id identity) adopt(path string) error {
	return filepath.WalkDir(path, func(name string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(name, id.uid, id.gid)
	})
}
