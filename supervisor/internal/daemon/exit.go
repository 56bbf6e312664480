// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"errors"
	"fmt"
	"strings"

	"github.com/pgvigil/pgvigil/supervisor/internal/config"
	"github.com/pgvigil/pgvigil/supervisor/internal/loop"
)

// ErrConfig is wrapped by the error of Run when the configuration was refused, by a plugin or because of what a file named there
// holds; the diagnostics were written to standard error.
var ErrConfig = errors.New("configuration refused")

// Refused is ErrConfig with the first finding.
func Refused(diags *config.Diagnostics) error {
	return fmt.Errorf("%w: %s", ErrConfig, strings.TrimPrefix(diags.Err().Error(), "configuration: "))
}

// Exit statuses of the daemon. They are stable.
const (
	// ExitError is any failure without a status of its own.
	ExitError = 1
	// ExitConfig is a configuration that was refused: starting again does not help. It is EX_CONFIG of sysexits.h; a panic ends a
	// program of Go with 2.
	ExitConfig = 78
	// ExitRefused means that this supervisor may not act, because its name is another one's: a person must look.
	ExitRefused = 6
)

// ExitStatus is the exit status for an error of Run.
func ExitStatus(err error) int {
	switch {
	case err == nil:
		return 0
	case errors.Is(err, ErrConfig):
		return ExitConfig
	case errors.Is(err, loop.ErrRefused):
		return ExitRefused
	}
	return ExitError
}
