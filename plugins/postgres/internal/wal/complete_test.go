// SPDX-License-Identifier: Apache-2.0

package wal

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"
)

// TestComplete: timeline 3 left 2, and that 1, both in one segment of four pages at 0x8000.
func TestComplete(t *testing.T) {
	const size, begin, pages = 0x8000, 0x8000, 4
	whole := func(fill byte) []byte {
		out := bytes.Repeat([]byte{fill}, size)
		for p := range pages {
			binary.LittleEndian.PutUint64(out[p*pageSize+8:], uint64(begin+p*pageSize))
		}
		return out
	}
	cut := func(log []byte, at LSN) []byte {
		return append(bytes.Clone(log[:at-begin]), make([]byte, begin+size-at)...)
	}
	joined := func(log []byte, until LSN, rest []byte) []byte {
		return append(bytes.Clone(log[:until-begin]), rest[until-begin:]...)
	}
	old, older := whole('o'), whole('p')
	for name, x := range map[string]struct {
		segments           map[uint32][]byte
		received, replayed LSN
		want               []byte // of timeline 3
	}{
		"cut off":             {map[uint32][]byte{3: cut(old, 0xA100), 2: old}, 0xA100, 0xE123, joined(old, 0xE123, make([]byte, size))},
		"nothing received":    {map[uint32][]byte{3: make([]byte, size), 2: old}, begin, 0xE123, joined(old, 0xE123, make([]byte, size))},
		"only with the older": {map[uint32][]byte{3: make([]byte, size), 2: cut(old, 0xA000), 1: older}, begin, 0xC010, joined(older, 0xC010, make([]byte, size))},
		"its own log":         {map[uint32][]byte{3: cut(old, 0xA100), 2: old}, 0xA100, 0xF001, cut(old, 0xA100)},
		"nowhere":             {map[uint32][]byte{3: cut(old, 0xA100)}, 0xA100, 0xE123, cut(old, 0xA100)},
		"not begun":           {map[uint32][]byte{2: old}, begin, 0xE123, nil},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			history := "1\t0/D000\tno recovery target specified\n2\t0/F000\tno recovery target specified\n"
			if err := os.WriteFile(filepath.Join(dir, HistoryName(3)), []byte(history), 0o600); err != nil {
				t.Fatal(err)
			}
			for tli, log := range x.segments {
				if err := os.WriteFile(filepath.Join(dir, SegmentName(tli, 1, size)), log, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if err := Complete(dir, size, 3, x.received, x.replayed); err != nil {
				t.Fatal(err)
			}
			if got, _ := os.ReadFile(filepath.Join(dir, SegmentName(3, 1, size))); !bytes.Equal(got, x.want) {
				t.Errorf("the segment is not as it should be")
			}
			if n := Newest(dir, x.replayed, size); (n == 3) != (x.want != nil) {
				t.Errorf("newest %d", n)
			}
		})
	}
}
