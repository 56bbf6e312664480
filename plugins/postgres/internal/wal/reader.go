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

// Reader walks the records of a pg_wal directory. Not safe for concurrent use; Close releases its file.
type Reader struct {
	// Dir is the pg_wal directory.
	Dir string
	// SegmentSize in bytes.
	SegmentSize uint64
	// Timeline to end on.
	Timeline uint32
	// History of Timeline.
	History History

	file    *os.File
	segment uint64
	page    [pageSize]byte
	at      LSN
	loaded  bool
	prev    LSN
	buf     []byte
}

// errEnd says that the valid log ends here.
var errEnd = errors.New("end of the log")

// errOverwritten says that a record was never completed and another stands where it would go on, at the
// start of the loaded page. A promotion after a crash leaves such a place.
var errOverwritten = errors.New("record overwritten")

// Walk calls each, unless nil, for every valid record from start, the position of a record, on. It
// returns where the valid log ends, and how many records there were; with none, the end is start.
func (r *Reader) Walk(start LSN, each func(Record) error) (end LSN, count int, err error) {
	end, r.prev, r.loaded = start, 0, false
	for {
		rec, err := r.next(end)
		if errors.Is(err, errOverwritten) {
			end = r.at
			continue
		}
		if errors.Is(err, errEnd) {
			return end, count, nil
		}
		if err != nil {
			return end, count, err
		}
		if each != nil {
			if err := each(rec); err != nil {
				return end, count, err
			}
		}
		end, count, r.prev = r.after(rec), count+1, rec.Start
	}
}

// after is where the record after rec starts, page header not counted.
func (r *Reader) after(rec Record) LSN {
	const opSwitch = 0x40
	if rec.Manager == managerXLog && rec.Info&0xF0 == opSwitch && uint64(rec.End)%r.SegmentSize != 0 {
		return LSN((rec.End.Segment(r.SegmentSize) + 1) * r.SegmentSize)
	}
	return rec.End
}

// Close releases the open segment.
func (r *Reader) Close() error {
	if r.file == nil {
		return nil
	}
	f := r.file
	r.file = nil
	return f.Close()
}

func (r *Reader) next(at LSN) (Record, error) {
	start := skipHeader(at, r.SegmentSize)
	if err := r.load(start); err != nil {
		return Record{}, err
	}
	off := start % pageSize
	total := binary.LittleEndian.Uint32(r.page[off:])
	if total < recordHeader || total > maxRecord {
		return Record{}, errEnd
	}
	raw, end, err := r.collect(start, int(total))
	if err != nil {
		return Record{}, err
	}
	rec, ok := parse(start, end, raw)
	if !ok || (r.prev != 0 && rec.Prev != r.prev) || rec.Prev >= start {
		return Record{}, errEnd
	}
	return rec, nil
}

// collect gathers the bytes of a record over page borders.
func (r *Reader) collect(start LSN, total int) ([]byte, LSN, error) {
	r.buf = r.buf[:0]
	at := start
	for {
		off := at % pageSize
		n := min(total-len(r.buf), int(pageSize-off))
		r.buf = append(r.buf, r.page[off:int(off)+n]...)
		at += LSN(n)
		if len(r.buf) == total {
			return r.buf, at, nil
		}
		if err := r.load(at); err != nil {
			return nil, 0, err
		}
		if err := r.continues(total - len(r.buf)); err != nil {
			return nil, 0, err
		}
		at += headerSize(at, r.SegmentSize)
	}
}

// continues checks that the loaded page goes on with a record of which rest bytes are missing.
func (r *Reader) continues(rest int) error {
	const firstIsContinuation, firstIsOverwrite = 1, 8
	info := binary.LittleEndian.Uint16(r.page[2:])
	if info&firstIsOverwrite != 0 {
		return errOverwritten
	}
	if info&firstIsContinuation == 0 || int(binary.LittleEndian.Uint32(r.page[16:])) != rest {
		return errEnd
	}
	return nil
}

// load makes the page that holds a position the current one, and checks its header.
func (r *Reader) load(at LSN) error {
	page := at - at%pageSize
	if r.loaded && r.at == page {
		return nil
	}
	if err := r.open(page.Segment(r.SegmentSize)); err != nil {
		return err
	}
	off := int64(uint64(page) % r.SegmentSize)
	if _, err := r.file.ReadAt(r.page[:], off); errors.Is(err, io.EOF) {
		return errEnd
	} else if err != nil {
		return err
	}
	if LSN(binary.LittleEndian.Uint64(r.page[8:])) != page {
		return errEnd
	}
	r.at, r.loaded = page, true
	return nil
}

// open opens a segment on the newest timeline of the line that has it, as PostgreSQL does.
func (r *Reader) open(segment uint64) error {
	if r.file != nil && r.segment == segment {
		return nil
	}
	_ = r.Close()
	for i := len(r.History); i >= 0; i-- {
		tli, begin := r.Timeline, LSN(0)
		if i < len(r.History) {
			tli = r.History[i].Timeline
		}
		if i > 0 {
			begin = r.History[i-1].End
		}
		if begin.Segment(r.SegmentSize) > segment {
			continue
		}
		f, err := os.Open(filepath.Join(r.Dir, SegmentName(tli, segment, r.SegmentSize)))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		r.file, r.segment = f, segment
		return err
	}
	return errEnd
}
