// SPDX-License-Identifier: Apache-2.0

package wal

import (
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Complete gives the segment of a timeline what the one of an ancestor has of their common log. A standby that follows to a
// new timeline receives the segment in which it began anew, from its start; what comes before it has replayed from the ancestor's.
// Cut off in the middle of that, it is left with a segment that ends before the position it is at, and PostgreSQL, which
// reads the newest timeline's, cannot be promoted, nor started without a primary.
//
// received is how far the new timeline's segment goes, replayed the end of the last record. Nobody may write to the segment meanwhile.
func Complete(dir string, size uint64, tli uint32, received, replayed LSN) error {
	h, err := ReadHistory(dir, tli)
	if errors.Is(err, fs.ErrNotExist) || err == nil && (len(h) == 0 || replayed > h[len(h)-1].End) {
		return nil // it has no ancestor, or what is here is its own
	}
	if err != nil {
		return err
	}
	segment := (replayed - 1).Segment(size)
	begin := max(received-received%pageSize, LSN(segment*size))
	to, err := os.OpenFile(filepath.Join(dir, SegmentName(tli, segment, size)), os.O_WRONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // PostgreSQL reads the ancestor's
	}
	if err != nil {
		return err
	}
	defer to.Close()
	for i := len(h) - 1; i >= 0 && h[i].End >= replayed; i-- {
		log, ok := readPages(filepath.Join(dir, SegmentName(h[i].Timeline, segment, size)), size, begin, replayed)
		if !ok {
			continue
		}
		_, err := to.WriteAt(log, int64(uint64(begin)%size))
		return errors.Join(err, to.Sync())
	}
	return nil
}

// readPages reads the log from the start of a page to a position, if it is all there.
func readPages(segment string, size uint64, begin, end LSN) (log []byte, ok bool) {
	f, err := os.Open(segment)
	if err != nil {
		return nil, false
	}
	defer f.Close()
	log = make([]byte, end-begin)
	if _, err := io.ReadFull(io.NewSectionReader(f, int64(uint64(begin)%size), int64(len(log))), log); err != nil {
		return nil, false
	}
	for at := 0; at+16 <= len(log); at += pageSize {
		if LSN(binary.LittleEndian.Uint64(log[at+8:])) != begin+LSN(at) {
			return nil, false
		}
	}
	return log, true
}
