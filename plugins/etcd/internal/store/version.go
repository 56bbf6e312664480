// SPDX-License-Identifier: Apache-2.0

package store

import (
	"fmt"
	"strconv"
	"strings"
)

// outdated returns a hint when a server version has published security defects (authentication bypasses and
// watches beyond the granted keys), and nothing when it has none known or is not a version.
func outdated(version string) string {
	v, ok := parseVersion(version)
	if !ok {
		return ""
	}
	floor := [3]int{3, 5, 33}
	switch {
	case v[0] > 3 || v[0] == 3 && v[1] > 7:
		return ""
	case v[0] == 3 && v[1] == 7:
		floor = [3]int{3, 7, 1}
	case v[0] == 3 && v[1] == 6:
		floor = [3]int{3, 6, 14}
	case v[0] == 3 && v[1] == 5:
	default:
		return fmt.Sprintf("etcd %s gets no security fixes any more, update to 3.5.33, 3.6.14, 3.7.1 or later", version)
	}
	if v[2] >= floor[2] {
		return ""
	}
	return fmt.Sprintf("etcd %s has known security defects, update to %d.%d.%d or later", version, floor[0], floor[1], floor[2])
}

// parseVersion reads "3.5.16" and "3.6.0-rc.1".
func parseVersion(s string) (v [3]int, ok bool) {
	s, _, _ = strings.Cut(s, "-")
	parts := strings.Split(s, ".")
	if len(parts) != 3 {
		return v, false
	}
	for i, p := range parts {
		n, err := strconv.Atoi(p)
		if err != nil {
			return v, false
		}
		v[i] = n
	}
	return v, true
}
