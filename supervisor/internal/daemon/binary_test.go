// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// outcome runs pgvigild on a configuration until it ends by itself.
func outcome(t *testing.T, configuration string) (status int, said string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, built("pgvigild"), "--config", configuration).CombinedOutput()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	} else if err != nil {
		status = exit.ExitCode()
	}
	return status, string(out)
}

// unused is an address nobody listens on.
func unused(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// Ensure whoever starts a supervisor that cannot run reads in one line why.
func TestWhyItDoesNotStart(t *testing.T) {
	cases := map[string]struct {
		spoil  func(t *testing.T, dir string) (configuration string)
		status int
		want   string
	}{
		"configuration": {func(t *testing.T, dir string) string {
			return write(t, dir, "c.hcl", "cluster {}\n")
		}, ExitConfig, "c.hcl:1:"},
		"port taken": {func(t *testing.T, dir string) string {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { l.Close() })
			return write(t, dir, "c.hcl", document(dir, l.Addr().String(), ""))
		}, ExitError, "pgvigild: listen of block api: 127.0.0.1:%d is in use by another process"},
		"state directory locked": {func(t *testing.T, dir string) string {
			hold(t, filepath.Join(dir, "state"))
			return write(t, dir, "c.hcl", document(dir, unused(t), ""))
		}, ExitError, "pgvigild: state directory in use by another supervisor: %s/state\n"},
		"run directory not writable": {func(t *testing.T, dir string) string {
			if err := os.Mkdir(filepath.Join(dir, "run"), 0o500); err != nil {
				t.Fatal(err)
			}
			return write(t, dir, "c.hcl", document(dir, unused(t), ""))
		}, ExitError, "pgvigild: run_dir %s/run cannot be written by user id "},
		"plugin missing": {func(t *testing.T, dir string) string {
			return write(t, dir, "c.hcl", document(dir, unused(t), ""))
		}, ExitError, "plugin etcd is not installed: there is no %s/plugins/pgvigil-plugin-etcd"},
		"plugin refused": {func(t *testing.T, dir string) string {
			plugins := filepath.Join(dir, "plugins")
			for _, name := range []string{"etcd", "postgres"} {
				install(t, plugins, "pgvigil-plugin-"+name)
			}
			if err := os.Chmod(filepath.Join(plugins, "pgvigil-plugin-etcd"), 0o777); err != nil {
				t.Fatal(err)
			}
			return write(t, dir, "c.hcl", document(dir, unused(t), ""))
		}, ExitError, "pgvigil-plugin-etcd may be written by others (mode 0777): remove that with chmod go-w"},
		"plugin of another kind": {func(t *testing.T, dir string) string {
			plugins := filepath.Join(dir, "plugins")
			for _, name := range []string{"etcd", "postgres"} {
				install(t, plugins, "pgvigil-plugin-"+name)
			}
			return write(t, dir, "c.hcl", document(dir, unused(t), ""))
		}, ExitError, "pgvigil-plugin-etcd is a router plugin, not a dcs plugin"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			dir := place(t)
			status, said := outcome(t, c.spoil(t, dir))
			before, after, _ := strings.Cut(strings.ReplaceAll(c.want, "%s", dir), "%d")
			if status != c.status || !strings.Contains(said, before) || !strings.Contains(said, after) {
				t.Errorf("exit status %d, want %d; said:\n%s\nwant %q", status, c.status, said, c.want)
			}
		})
	}
}

// hold locks a state directory as another supervisor would.
func hold(t *testing.T, dir string) {
	t.Helper()
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o666)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	if err := errors.Join(f.Chmod(0o666), syscall.Flock(int(f.Fd()), syscall.LOCK_EX)); err != nil {
		t.Fatal(err)
	}
}

// install copies the example plugin to a name.
func install(t *testing.T, dir, name string) {
	t.Helper()
	binary, err := os.ReadFile(built("example"))
	if err != nil {
		t.Fatal(err)
	}
	tmp := filepath.Join(dir, name+".new")
	err = errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(tmp, binary, 0o755), os.Rename(tmp, filepath.Join(dir, name)))
	if err != nil {
		t.Fatal(err)
	}
}

// Ensure a user that does not exist is named, with what to do about it.
func TestNoSuchUser(t *testing.T) {
	_, err := FindUser("no-such-user")
	if err == nil || !strings.Contains(err.Error(), `operating system user "no-such-user" does not exist`) || !strings.Contains(err.Error(), "set user in block postgres") {
		t.Errorf("error %v", err)
	}
	if _, err := FindUser("root"); err == nil || !strings.Contains(err.Error(), "PostgreSQL refuses to run as root") {
		t.Errorf("error %v", err)
	}
}

// Ensure what is made above a directory that is given away can be passed by its owner.
func TestMakeDir(t *testing.T) {
	dir := filepath.Join(place(t), "above", "below")
	if err := makeDir(dir); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]os.FileMode{dir: 0o700, filepath.Dir(dir): 0o755} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
}
