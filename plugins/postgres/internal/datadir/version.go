// SPDX-License-Identifier: Apache-2.0

package datadir

import (
	"context"
	"fmt"
	"regexp"
	"strconv"

	"github.com/pgvigil/pgvigil/plugins/postgres/internal/config"
	"github.com/pgvigil/pgvigil/plugins/postgres/internal/proc"
)

var versionText = regexp.MustCompile(`(\d+)(?:\.(\d+))?`)

// ProgramVersion asks the server program for its version, as server_version_num.
func ProgramVersion(ctx context.Context, c *config.Config) (uint32, error) {
	out, err := proc.Output(ctx, c.OS.Command(c.Program("postgres"), "-V"))
	if err != nil {
		return 0, err
	}
	v, ok := ParseVersion(string(out))
	if !ok {
		return 0, fmt.Errorf("version of %s: %q", c.Program("postgres"), out)
	}
	return v, nil
}

// ParseVersion turns "15.4 (Debian …)", "postgres (PostgreSQL) 15.4" or "18beta1" into server_version_num.
func ParseVersion(text string) (uint32, bool) {
	m := versionText.FindStringSubmatch(text)
	if m == nil {
		return 0, false
	}
	major, err := strconv.ParseUint(m[1], 10, 16)
	if err != nil {
		return 0, false
	}
	minor, _ := strconv.ParseUint(m[2], 10, 16)
	return uint32(major*10000 + minor), true
}
