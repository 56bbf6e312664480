// SPDX-License-Identifier: Apache-2.0

package wal

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// LSN is a position in the log, in bytes.
type LSN uint64

// ParseLSN reads a position written as PostgreSQL does, such as 16/B374D848.
func ParseLSN(s string) (LSN, error) {
	hi, lo, ok := strings.Cut(s, "/")
	if !ok {
		return 0, fmt.Errorf("log position %q has no slash", s)
	}
	h, err := strconv.ParseUint(hi, 16, 32)
	if err != nil {
		return 0, fmt.Errorf("log position %q: %w", s, err)
	}
	l, err := strconv.ParseUint(lo, 16, 32)
	if err != nil {
		return 0, fmt.Errorf("log position %q: %w", s, err)
	}
	return LSN(h<<32 | l), nil
}

// String writes a position as PostgreSQL does.
func (l LSN) String() string { return fmt.Sprintf("%X/%X", uint64(l)>>32, uint32(l)) }

// Segment is the number of the segment that holds the position, for segments of size bytes.
func (l LSN) Segment(size uint64) uint64 { return uint64(l) / size }

// SegmentName is the file name of a segment, for segments of size bytes.
func SegmentName(tli uint32, segment, size uint64) string {
	per := (uint64(1) << 32) / size
	return fmt.Sprintf("%08X%08X%08X", tli, segment/per, segment%per)
}

// ParseSegmentName takes a segment's file name apart; ok is false for any other name.
func ParseSegmentName(name string, size uint64) (tli uint32, segment uint64, ok bool) {
	if len(name) != 24 {
		return 0, 0, false
	}
	var part [3]uint64
	for i := range part {
		n, err := strconv.ParseUint(name[i*8:i*8+8], 16, 32)
		if err != nil {
			return 0, 0, false
		}
		part[i] = n
	}
	per := (uint64(1) << 32) / size
	return uint32(part[0]), part[1]*per + part[2], true
}

// Newest is the newest timeline that has a segment with a position in a pg_wal directory; 0 when there is none.
func Newest(dir string, at LSN, size uint64) uint32 {
	names, err := os.ReadDir(dir)
	if err != nil || at == 0 || size == 0 {
		return 0
	}
	var newest uint32
	for _, n := range names {
		tli, segment, ok := ParseSegmentName(n.Name(), size)
		if ok && segment == (at-1).Segment(size) {
			newest = max(newest, tli)
		}
	}
	return newest
}
