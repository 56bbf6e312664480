// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	bold  = "\x1b[1m"
	red   = "\x1b[31m"
	green = "\x1b[32m"
	plain = "\x1b[0m"
)

// table is columns of text, aligned by blanks. Columns that are empty in every row are left out.
type table struct {
	head []string
	rows [][]string
	// right lists the columns that are aligned to the right.
	right map[string]bool
	// paint gives a row's escape, "" for none; it is not asked when colour is off.
	paint  func(row int) string
	colour bool
}

func (t *table) add(cells ...string) {
	for i, c := range cells {
		cells[i] = printable(c)
	}
	t.rows = append(t.rows, cells)
}

// printable keeps what strangers wrote from moving the cursor.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == utf8.RuneError {
			return '?'
		}
		return r
	}, s)
}

func (t *table) write(w io.Writer) error {
	widths := t.widths()
	if err := t.line(w, t.head, widths, bold); err != nil {
		return err
	}
	for i, row := range t.rows {
		escape := ""
		if t.paint != nil {
			escape = t.paint(i)
		}
		if err := t.line(w, row, widths, escape); err != nil {
			return err
		}
	}
	return nil
}

// widths are those of the columns, -1 for one that is left out.
func (t *table) widths() []int {
	widths := make([]int, len(t.head))
	for i, h := range t.head {
		widths[i] = -1
		for _, row := range t.rows {
			if row[i] != "" {
				widths[i] = max(widths[i], utf8.RuneCountInString(h), utf8.RuneCountInString(row[i]))
			}
		}
	}
	return widths
}

func (t *table) line(w io.Writer, cells []string, widths []int, escape string) error {
	var parts []string
	for i, cell := range cells {
		if widths[i] < 0 {
			continue
		}
		pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
		if t.right[t.head[i]] {
			parts = append(parts, pad+cell)
		} else {
			parts = append(parts, cell+pad)
		}
	}
	text := strings.TrimRight(strings.Join(parts, "  "), " ")
	if t.colour && escape != "" {
		text = escape + text + plain
	}
	_, err := fmt.Fprintln(w, text)
	return wrapOutput(err)
}

// size writes bytes as people read them: "0", "512 B", "16.0 MB".
func size(bytes uint64) string {
	if bytes == 0 {
		return "0"
	}
	if bytes < 1024 {
		return fmt.Sprintf("%d B", bytes)
	}
	value, unit := float64(bytes), ""
	for _, unit = range []string{"kB", "MB", "GB", "TB"} {
		value /= 1024
		if value < 1024 {
			break
		}
	}
	return fmt.Sprintf("%.1f %s", value, unit)
}
