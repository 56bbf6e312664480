// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"testing"

	"golang.org/x/sys/unix"
)

// TestLabels: files that a package put in place, and such as were copied there or have none.
func TestLabels(t *testing.T) {
	for name, x := range map[string]struct {
		label    string
		err      error
		severity Severity
		words    []string
	}{
		"installed": {"system_u:object_r:bin_t:s0", nil, OK, nil},
		"copied":    {"unconfined_u:object_r:user_home_t:s0", nil, Error, []string{"user_home_t", "restorecon -Fv /p"}},
		"none":      {"", unix.ENODATA, Error, []string{"no label", "restorecon -Fv /p"}},
		"strange":   {"x", nil, Error, nil},
	} {
		t.Run(name, func(t *testing.T) {
			r := &report{}
			labels(r, []string{"/p"}, func(string) (string, error) { return x.label, x.err })
			expect(t, r.found(), "kernel.selinux", x.severity, x.words...)
		})
	}
}
