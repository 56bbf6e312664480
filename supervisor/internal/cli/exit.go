// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"fmt"
	"net/http"
)

// Exit codes. They are stable.
const (
	ExitOK = iota
	// ExitError is any failure without a code of its own.
	ExitError
	// ExitUsage is a wrong command line, request or configuration.
	ExitUsage
	// ExitDegraded is list --check on a cluster with a leader, where something else is amiss.
	ExitDegraded
	// ExitNoLeader means that nobody leads: the cluster takes no writes.
	ExitNoLeader
	// ExitTimeout means that waiting took too long; what was asked for goes on.
	ExitTimeout
	// ExitRefused means that the cluster is not in a state for what was asked.
	ExitRefused
	// ExitDCS means that the supervisor could not have the request written to the DCS.
	ExitDCS
	// ExitPermission means that the caller may not do that.
	ExitPermission
	// ExitUnfit means that doctor has found an error.
	ExitUnfit
)

// coded is an error with an exit code.
type coded struct {
	code int
	err  error
}

func (c *coded) Error() string { return c.err.Error() }
func (c *coded) Unwrap() error { return c.err }

func failf(code int, format string, args ...any) error {
	return &coded{code, fmt.Errorf(format, args...)}
}

func usage(format string, args ...any) error { return failf(ExitUsage, format, args...) }

// silent is an exit code without a message: everything has been said.
func silent(code int) error { return &coded{code, errors.New("")} }

func codeOf(err error) int {
	if c := new(coded); errors.As(err, &c) {
		return c.code
	}
	return ExitError
}

// codeOfStatus is the exit code for an answer of the REST interface.
func codeOfStatus(status int) int {
	switch status {
	case http.StatusBadRequest:
		return ExitUsage
	case http.StatusUnauthorized, http.StatusForbidden:
		return ExitPermission
	case http.StatusConflict, http.StatusPreconditionFailed:
		return ExitRefused
	case http.StatusServiceUnavailable:
		return ExitDCS
	}
	return ExitError
}
