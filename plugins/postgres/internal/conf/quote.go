// SPDX-License-Identifier: Apache-2.0

package conf

import "strings"

// quote writes a value as a string of postgresql.conf.
func quote(v string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `''`).Replace(v) + "'"
}

// quoteConn writes a value of a connection string.
func quoteConn(v string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(v) + "'"
}

// quoteHBA writes a name in pg_hba.conf or pg_ident.conf, where keywords lose their meaning in quotes.
func quoteHBA(v string) string { return `"` + strings.ReplaceAll(v, `"`, `""`) + `"` }

// SlotName is the name of a member's physical slot: letters, digits and underscores, 63 at most.
func SlotName(member string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(member) {
		if (r >= 'a' && r <= 'z') || (r >= '0' && r <= '9') || r == '_' {
			b.WriteRune(r)
		} else {
			b.WriteByte('_')
		}
	}
	s := b.String()
	return s[:min(len(s), 63)]
}
