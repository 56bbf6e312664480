// SPDX-License-Identifier: Apache-2.0

package modelcheck

import (
	"strings"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
)

// wal is a write-ahead log, a byte per record: the opening of a timeline by a node, or a client's commit.
type wal string

// recordLen is how far a record moves the LSN.
const recordLen = 10

// opening is the record that begins a timeline.
func opening(tl core.Timeline, by int) wal { return wal([]byte{0x80 | byte(tl)<<2 | byte(by)}) }

// commit is the record of the client's commit number n, from 0.
func commit(n int) wal { return wal([]byte{byte(n + 1)}) }

// end is the LSN of the end.
func (w wal) end() core.LSN { return core.LSN(len(w) * recordLen) }

// timeline is that of the last record.
func (w wal) timeline() core.Timeline {
	for i := len(w) - 1; i >= 0; i-- {
		if w[i]&0x80 != 0 {
			return core.Timeline(w[i] & 0x7f >> 2)
		}
	}
	return 0
}

// commits is the set of the clients' commits in it, a bit each.
func (w wal) commits() uint8 {
	var set uint8
	for i := range len(w) {
		if w[i]&0x80 == 0 {
			set |= 1 << (w[i] - 1)
		}
	}
	return set
}

// tail is what follows the last opening.
func (w wal) tail() wal {
	i := len(w)
	for i > 0 && w[i-1]&0x80 == 0 {
		i--
	}
	return w[i:]
}

// startsLike tells whether it begins with another, so that this one's owner can send the rest.
func (w wal) startsLike(other wal) bool { return strings.HasPrefix(string(w), string(other)) }

// fork is what two logs have in common.
func fork(a, b wal) wal {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return a[:n]
}

// String prints such as "T1A 1 2": timeline 1 opened by A, two commits.
func (w wal) String() string {
	var out []string
	for i := range len(w) {
		if w[i]&0x80 != 0 {
			out = append(out, "T"+string('0'+w[i]&0x7f>>2)+names[w[i]&3])
		} else {
			out = append(out, "w"+string('0'+w[i]))
		}
	}
	return strings.Join(out, " ")
}
