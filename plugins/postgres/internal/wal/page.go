// SPDX-License-Identifier: Apache-2.0

package wal

const (
	pageSize     = 8192
	shortHeader  = 24
	longHeader   = 40
	recordHeader = 24
	maxRecord    = 1020 * 1024 * 1024
)

// headerSize is the size of the header of the page at a position that is the start of a page.
func headerSize(page LSN, segment uint64) LSN {
	if uint64(page)%segment == 0 {
		return longHeader
	}
	return shortHeader
}

// align rounds up to the alignment of records.
func align(l LSN) LSN { return (l + 7) &^ 7 }

// skipHeader moves a position at the start of a page behind the header.
func skipHeader(l LSN, segment uint64) LSN {
	if l%pageSize == 0 {
		return l + headerSize(l, segment)
	}
	return l
}
