// SPDX-License-Identifier: Apache-2.0

package proc

import (
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"syscall"
)

// Account is the operating system user PostgreSQL and its programs run as.
type Account struct {
	// Name of the user.
	Name string
	// UID of the user.
	UID uint32
	// GID is the primary group of the user.
	GID uint32
	// Groups are all groups of the user.
	Groups []uint32
	// Home directory of the user.
	Home string
	// Drop tells that this process is root and has to become the user first.
	Drop bool
}

// Lookup resolves the account to use: the named user when this process is root, otherwise whoever
// this process runs as, whatever the name.
func Lookup(name string) (Account, error) {
	if os.Geteuid() != 0 {
		u, err := user.LookupId(strconv.Itoa(os.Geteuid()))
		if err != nil {
			return Account{}, fmt.Errorf("own user: %w", err)
		}
		return account(u)
	}
	u, err := user.Lookup(name)
	if err != nil {
		return Account{}, fmt.Errorf("operating system user %q: %w", name, err)
	}
	a, err := account(u)
	if err == nil && a.UID == 0 {
		return Account{}, fmt.Errorf("operating system user %q is root, which PostgreSQL refuses", name)
	}
	a.Drop = true
	return a, err
}

func account(u *user.User) (Account, error) {
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return Account{}, fmt.Errorf("user id of %s: %w", u.Username, err)
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return Account{}, fmt.Errorf("group id of %s: %w", u.Username, err)
	}
	return Account{Name: u.Username, UID: uint32(uid), GID: uint32(gid), Groups: groups(u), Home: u.HomeDir}, nil
}

// groups lists the user's groups; one that cannot be read is left out, the primary one is in Account.GID.
func groups(u *user.User) []uint32 {
	ids, err := u.GroupIds()
	if err != nil {
		return nil
	}
	var out []uint32
	for _, id := range ids {
		if n, err := strconv.ParseUint(id, 10, 32); err == nil {
			out = append(out, uint32(n))
		}
	}
	return out
}

// Command prepares a program to run as the account in a session-independent way: nothing of this
// process's environment but PATH goes in.
func (a Account) Command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Dir = "/"
	cmd.Env = []string{"PATH=" + path(), "HOME=" + a.Home, "USER=" + a.Name, "LOGNAME=" + a.Name}
	cmd.SysProcAttr = &syscall.SysProcAttr{}
	if a.Drop {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: a.UID, Gid: a.GID, Groups: a.Groups}
	}
	return cmd
}

func path() string {
	if p := os.Getenv("PATH"); p != "" {
		return p
	}
	return "/usr/local/bin:/usr/bin:/bin"
}

// Own gives path to the account, when that has to be done at all; a symbolic link, not what it leads to:
// the account may put one where root looks.
func (a Account) Own(path string) error {
	if !a.Drop {
		return nil
	}
	return os.Lchown(path, int(a.UID), int(a.GID))
}
