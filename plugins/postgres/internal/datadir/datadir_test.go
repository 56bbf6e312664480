// SPDX-License-Identifier: Apache-2.0

package datadir

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pgvigil/pgvigil/plugins/postgres/internal/config"
)

const controlText = `pg_control version number:            1300
Database system identifier:           7711307158684508592
Database cluster state:               shut down in recovery
Latest checkpoint location:           0/3000098
Latest checkpoint's REDO location:    0/3000060
Latest checkpoint's TimeLineID:       4
Minimum recovery ending location:     0/4000000
Min recovery ending loc's timeline:   5
wal_log_hints setting:                on
max_connections setting:              100
max_worker_processes setting:         8
max_wal_senders setting:              10
max_prepared_xacts setting:           0
max_locks_per_xact setting:           64
Bytes per WAL segment:                16777216
Data page checksum version:           1
`

func TestControl(t *testing.T) {
	c, err := parseControl(controlText)
	if err != nil {
		t.Fatal(err)
	}
	if !c.Clean() || !c.WasStandby() || c.LastTimeline() != 5 || c.Redo != 0x3000060 || c.SystemID != 7711307158684508592 {
		t.Errorf("%+v", c)
	}
	if !c.Checksums || !c.LogHints || c.SegmentSize != 16<<20 || c.Least["max_locks_per_transaction"] != 64 {
		t.Errorf("%+v", c)
	}
	for what, bad := range map[string]string{
		"damaged":     "WARNING: Calculated CRC checksum does not match value stored in file.\n" + controlText,
		"a line less": strings.Replace(controlText, "Latest checkpoint's TimeLineID", "x", 1), "empty": "",
	} {
		if c, err := parseControl(bad); err == nil {
			t.Errorf("%s: %+v", what, c)
		}
	}
}

func TestPostmasterPID(t *testing.T) {
	p := parsePID("4711\n/data\n1795428610\n5433\n/run/x\n127.0.0.1\n  123  456\nstandby \n")
	if p.PID != 4711 || p.StartUnix != 1795428610 || p.Status != "standby" || p.Address.Port != 5433 || p.Address.SocketDir != "/run/x" {
		t.Errorf("%+v", p)
	}
	for _, half := range []string{"", "47", "4711\n/data\n"} {
		if p := parsePID(half); p.PID != 0 {
			t.Errorf("half a file %q: %+v", half, p)
		}
	}
	if p := parsePID("-4711\n/data\n1\n0\n"); p.PID > 0 {
		t.Errorf("single-user server: %+v", p)
	}
}

func TestVersion(t *testing.T) {
	for text, want := range map[string]uint32{
		"postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)": 150018, "17.6": 170006, "18beta2": 180000,
	} {
		if got, ok := ParseVersion(text); !ok || got != want {
			t.Errorf("%q is %d, want %d", text, got, want)
		}
	}
}

// A mark speaks of one directory, not of another that takes its name.
func TestMark(t *testing.T) {
	root := t.TempDir()
	c := &config.Config{DataDir: filepath.Join(root, "data"), StateDir: t.TempDir()}
	other := filepath.Join(root, "other")
	for _, dir := range []string{c.DataDir, other} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	is := func(want bool) {
		t.Helper()
		if got, err := Promoted.On(c); err != nil || got != want {
			t.Errorf("mark: %v %v, want %v", got, err, want)
		}
	}
	is(false)
	if err := Promoted.Set(c, c.DataDir); err != nil {
		t.Fatal(err)
	}
	is(true)
	if err := Place(c, other, filepath.Join(root, "aside")); err != nil {
		t.Fatal(err)
	}
	is(false)
	if err := Promoted.Clear(c); err != nil {
		t.Fatal(err)
	}
	is(false)
}
