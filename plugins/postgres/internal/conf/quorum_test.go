// SPDX-License-Identifier: Apache-2.0

package conf

import "testing"

func TestLaxer(t *testing.T) {
	for _, c := range []struct {
		before, after string
		want          bool
	}{
		{`ANY 1 ("a","b")`, `ANY 1 ("a","b")`, true},
		{`ANY 1 ("a")`, `ANY 1 ("a", "b")`, true},
		{`ANY 2 ("a","b")`, `ANY 1 (B, "a", c)`, true},
		{`ANY 1 ("a""x")`, `ANY 1 ("b", "a""x")`, true},
		{`ANY 1 ("a")`, ``, true},
		{`FIRST 1 (a)`, ``, true},
		{``, `ANY 1 ("a")`, false},
		{`ANY 1 ("a","b")`, `ANY 1 ("b")`, false},
		{`ANY 1 ("a","b")`, `ANY 2 ("a","b")`, false},
		{`FIRST 1 ("a")`, `ANY 1 ("a","b")`, false},
		{`ANY 1 ("a")`, `FIRST 1 ("a","b")`, false},
		{`ANY 1 ("a" "b")`, `ANY 1 ("a","b")`, false},
		{`ANY 1 (*)`, `ANY 1 ("a")`, false},
	} {
		if got := Laxer(c.before, c.after); got != c.want {
			t.Errorf("Laxer(%s, %s): %v", c.before, c.after, got)
		}
	}
}
