// SPDX-License-Identifier: Apache-2.0

package wal

import (
	"encoding/binary"
	"hash/crc32"
	"time"
)

// Record is one record of the log.
type Record struct {
	// Start is the position of its first byte.
	Start LSN
	// End is the position after its last byte, aligned.
	End LSN
	// Prev is the position of the record before it.
	Prev LSN
	// XID of the transaction, 0 for none.
	XID uint32
	// Manager is the number of the resource manager.
	Manager byte
	// Info is the flag byte, with the operation in the upper half.
	Info byte
	// Bytes in all, without page headers.
	Bytes int
	body  []byte
}

// parse checks a complete record and takes it apart.
func parse(start, end LSN, raw []byte) (Record, bool) {
	crc := crc32.Update(0, castagnoli, raw[recordHeader:])
	crc = crc32.Update(crc, castagnoli, raw[:recordHeader-4])
	if crc != binary.LittleEndian.Uint32(raw[20:]) {
		return Record{}, false
	}
	return Record{
		Start: start, End: align(end),
		Prev: LSN(binary.LittleEndian.Uint64(raw[8:])), XID: binary.LittleEndian.Uint32(raw[4:]),
		Info: raw[16], Manager: raw[17], Bytes: len(raw), body: raw[recordHeader:],
	}, true
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

const (
	managerXLog        = 0
	managerTransaction = 1
	opCommit           = 0x00
	opCommitPrepared   = 0x30
	opMask             = 0x70
)

// Commit tells whether the record makes a transaction visible, and when that was.
func (r Record) Commit() (at time.Time, ok bool) {
	op := r.Info & opMask
	if r.Manager != managerTransaction || (op != opCommit && op != opCommitPrepared) {
		return time.Time{}, false
	}
	data := r.mainData()
	if len(data) < 8 {
		return time.Time{}, true
	}
	micro := int64(binary.LittleEndian.Uint64(data))
	return epoch2000.Add(time.Duration(micro) * time.Microsecond), true
}

var epoch2000 = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// mainData is the record's own data, for records without block references (as all commits are); nil
// when it has another shape.
func (r Record) mainData() []byte {
	const origin, topXID, short, long = 253, 252, 255, 254
	b := r.body
	for len(b) > 0 {
		switch b[0] {
		case origin:
			b = cut(b, 3)
		case topXID:
			b = cut(b, 5)
		case short:
			return cut(b, 2)
		case long:
			return cut(b, 5)
		default:
			return nil
		}
	}
	return nil
}

func cut(b []byte, n int) []byte {
	if len(b) < n {
		return nil
	}
	return b[n:]
}
