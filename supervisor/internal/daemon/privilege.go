// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// DropPrivileges makes the directories, gives them to the operating system user PostgreSQL runs as, and goes on as
// that user in a fresh process image (so that /proc belongs to it). It returns only on failure, or, having done
// nothing, when the caller is not root.
func DropPrivileges(name string, dirs ...string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	a, err := FindUser(name)
	if err != nil {
		return err
	}
	for _, dir := range dirs {
		if err := ownedDir(dir, a.UID, a.GID); err != nil {
			return err
		}
	}
	if err := become(a.User, a.UID, a.GID); err != nil {
		return fmt.Errorf("privileges of %s: %w", name, err)
	}
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("own binary: %w", err)
	}
	err = syscall.Exec(self, os.Args, append(os.Environ(), "USER="+a.User.Username, "LOGNAME="+a.User.Username, "HOME="+a.User.HomeDir))
	return fmt.Errorf("%s cannot be run by %s: %w", self, name, err)
}

// Account is an operating system user with its numbers.
type Account struct {
	User     *user.User
	UID, GID int
}

// FindUser finds a user that PostgreSQL may run as.
func FindUser(name string) (Account, error) {
	u, err := user.Lookup(name)
	if errors.As(err, new(user.UnknownUserError)) {
		return Account{}, fmt.Errorf("operating system user %q does not exist, and root may not run PostgreSQL: make one (useradd --system %s), or set user in block postgres", name, name)
	}
	if err != nil {
		return Account{}, fmt.Errorf("user to run as: %w", err)
	}
	uid, err1 := strconv.Atoi(u.Uid)
	gid, err2 := strconv.Atoi(u.Gid)
	if err := errors.Join(err1, err2); err != nil {
		return Account{}, fmt.Errorf("user %s: %w", name, err)
	}
	if uid == 0 {
		return Account{}, fmt.Errorf("user of block postgres is %s: PostgreSQL refuses to run as root", name)
	}
	return Account{u, uid, gid}, nil
}

func ownedDir(dir string, uid, gid int) error {
	if err := makeDir(dir); err != nil {
		return fmt.Errorf("directory: %w", err)
	}
	return os.Chown(dir, uid, gid)
}

func become(u *user.User, uid, gid int) error {
	groups := []int{gid}
	ids, err := u.GroupIds()
	if err != nil {
		return err
	}
	for _, id := range ids {
		if g, err := strconv.Atoi(id); err == nil && g != gid {
			groups = append(groups, g)
		}
	}
	return errors.Join(syscall.Setgroups(groups), syscall.Setgid(gid), syscall.Setuid(uid))
}
