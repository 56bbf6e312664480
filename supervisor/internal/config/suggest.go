// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"strings"
)

// nearest returns the known name closest to given, or "" when none is close enough to be meant.
func nearest(given string, known []string) string {
	const maxLength = 64
	if len(given) > maxLength {
		return ""
	}
	best, bestDistance := "", 4
	for _, k := range known {
		limit := min(3, max(1, len(k)/3))
		if d := distance(fold(given), fold(k)); d <= limit && d < bestDistance {
			best, bestDistance = k, d
		}
	}
	return best
}

// fold takes away the differences that are no misspelling: case, and hyphens for underscores.
func fold(s string) string {
	return strings.ReplaceAll(strings.ToLower(s), "-", "_")
}

// distance counts the insertions, deletions, replacements and swaps of neighbours from a to b.
func distance(a, b string) int {
	ra, rb := []rune(a), []rune(b)
	var before []int
	row := make([]int, len(rb)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(ra); i++ {
		next := make([]int, len(rb)+1)
		next[0] = i
		for j := 1; j <= len(rb); j++ {
			next[j] = min(row[j]+1, next[j-1]+1, row[j-1]+unequal(ra[i-1], rb[j-1]))
			if i > 1 && j > 1 && ra[i-1] == rb[j-2] && ra[i-2] == rb[j-1] {
				next[j] = min(next[j], before[j-2]+1)
			}
		}
		before, row = row, next
	}
	return row[len(rb)]
}

func unequal(a, b rune) int {
	if a == b {
		return 0
	}
	return 1
}

// didYouMean is a sentence with the nearest known name, or empty.
func didYouMean(given string, known []string) string {
	if n := nearest(given, known); n != "" {
		return fmt.Sprintf("Did you mean %q?", n)
	}
	return ""
}

// quoteOr joins names as `"a", "b" or "c"`.
func quoteOr(names []string) string { return quoteList(names, "or") }

// quoteAnd joins names as `"a", "b" and "c"`.
func quoteAnd(names []string) string { return quoteList(names, "and") }

func quoteList(names []string, last string) string {
	quoted := make([]string, len(names))
	for i, n := range names {
		quoted[i] = fmt.Sprintf("%q", n)
	}
	if len(quoted) < 2 {
		return strings.Join(quoted, "")
	}
	n := len(quoted) - 1
	return strings.Join(quoted[:n], ", ") + " " + last + " " + quoted[n]
}

// sentences joins the sentences that are not empty.
func sentences(parts ...string) string {
	var kept []string
	for _, p := range parts {
		if p != "" {
			kept = append(kept, p)
		}
	}
	return strings.Join(kept, " ")
}
