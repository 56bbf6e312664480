// SPDX-License-Identifier: Apache-2.0

// Package account tells whom the processes of a lab run as, and makes files for that user.
package account

import (
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// Account is whom the processes of the nodes run as: the caller, or user postgres when the caller is root, because
// PostgreSQL refuses to run as root.
type Account struct {
	UID, GID   int
	Name, Home string
	// Credential is what a process is to be started with; nil when it is the caller's own.
	Credential *syscall.Credential
}

// Find looks the account up.
func Find() (Account, error) {
	if uid := os.Geteuid(); uid != 0 {
		me, err := user.LookupId(strconv.Itoa(uid))
		if err != nil {
			return Account{}, fmt.Errorf("the user running this: %w", err)
		}
		return Account{UID: uid, GID: os.Getegid(), Name: me.Username, Home: me.HomeDir}, nil
	}
	account, err := user.Lookup("postgres")
	if err != nil {
		return Account{}, fmt.Errorf("run as root, the nodes need a user to run as: %w", err)
	}
	uid, err := strconv.Atoi(account.Uid)
	if err != nil {
		return Account{}, fmt.Errorf("uid of postgres: %w", err)
	}
	gid, err := strconv.Atoi(account.Gid)
	if err != nil {
		return Account{}, fmt.Errorf("gid of postgres: %w", err)
	}
	credential := &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return Account{UID: uid, GID: gid, Name: "postgres", Home: account.HomeDir, Credential: credential}, nil
}

// Mkdir makes a directory that belongs to the account.
func (a Account) Mkdir(path string, mode fs.FileMode) error {
	if err := os.MkdirAll(path, mode); err != nil {
		return err
	}
	return os.Chown(path, a.UID, a.GID)
}

// Write writes a file that belongs to the account and that others may not read.
func (a Account) Write(path, text string) error {
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return err
	}
	return os.Chown(path, a.UID, a.GID)
}

// Adopt gives everything under a path to the account.
func (a Account) Adopt(path string) error {
	return filepath.WalkDir(path, func(name string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(name, a.UID, a.GID)
	})
}
