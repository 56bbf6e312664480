// SPDX-License-Identifier: Apache-2.0

package pluginhost

import (
	"os"
	"path/filepath"
	"testing"
)

func TestDirectoriesAreMadePrivate(t *testing.T) {
	dir := filepath.Join(shortDir(t), "a", "b")
	must(t, os.MkdirAll(dir, 0o755))
	must(t, privateDirectory(dir))
	info, err := os.Stat(dir)
	must(t, err)
	if info.Mode().Perm() != 0o700 {
		t.Errorf("mode %o", info.Mode().Perm())
	}
	file := filepath.Join(dir, "file")
	must(t, os.WriteFile(file, nil, 0o600))
	link := filepath.Join(dir, "link")
	must(t, os.Symlink(dir, link))
	for _, other := range []string{file, link} {
		if privateDirectory(other) == nil {
			t.Errorf("%s was accepted", other)
		}
	}
}

// TestForeignDirectory: a plugin of root's may have given its own directories to another account, the sockets'
// never; nobody else's daemon accepts directories it does not own.
func TestForeignDirectory(t *testing.T) {
	foreign := "/usr"
	if os.Geteuid() == 0 {
		foreign = shortDir(t)
		must(t, os.Chown(foreign, 65534, 65534))
	}
	if privateDirectory(foreign) == nil {
		t.Error("accepted for sockets")
	}
	if err := entrustedDirectory(foreign); (err == nil) != (os.Geteuid() == 0) {
		t.Errorf("for the plugin itself: %v", err)
	}
}

func TestSweepSparesTheGroupRecord(t *testing.T) {
	dir := shortDir(t)
	for _, name := range []string{"plugin123", groupFile} {
		must(t, os.WriteFile(filepath.Join(dir, name), []byte("1"), 0o600))
	}
	must(t, os.Mkdir(filepath.Join(dir, "plugin-dir1"), 0o700))
	must(t, sweepSockets(dir))
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 || left[0].Name() != groupFile {
		t.Errorf("left: %v, %v", left, err)
	}
}

// TestReusedGroupNumberIsSpared: the record names a group of processes that were not started for the directory.
func TestReusedGroupNumberIsSpared(t *testing.T) {
	spec := fakeSpec(t, "good")
	h, _ := openHost(t, spec)
	dir := shortDir(t)
	must(t, recordGroup(dir, h.Status()[0].PID))
	if pgid, err := sweepGroup(dir); pgid != 0 || err != nil {
		t.Errorf("group %d was killed, error %v", pgid, err)
	}
	if pgid, err := sweepGroup(shortDir(t)); pgid != 0 || err != nil {
		t.Errorf("without a record: %d, %v", pgid, err)
	}
	if _, err := h.DCS().Read(t.Context(), ""); err != nil {
		t.Error(err)
	}
}
