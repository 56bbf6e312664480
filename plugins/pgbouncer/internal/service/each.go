// SPDX-License-Identifier: Apache-2.0

package service

import (
	"errors"
	"strings"
	"sync"

	"github.com/pgvigil/pgvigil/plugins/pgbouncer/internal/console"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// each calls f for all at once, and returns the errors in their order.
func each[T any](all []T, f func(T) error) []error {
	errs := make([]error, len(all))
	var wg sync.WaitGroup
	for i, one := range all {
		wg.Go(func() { errs[i] = f(one) })
	}
	wg.Wait()
	return errs
}

// setupError tells what somebody has to change about PgBouncer.
type setupError string

func (e setupError) Error() string { return string(e) }

// summary makes one status of errors, or nil of none: UNAVAILABLE if waiting may help with any of them.
func summary(errs []error) error {
	code, texts := codes.OK, []string(nil)
	for _, err := range errs {
		if err == nil {
			continue
		}
		texts = append(texts, err.Error())
		if setup := setupError(""); !errors.As(err, &setup) && !console.Answered(err) {
			code = codes.Unavailable
		} else if code == codes.OK {
			code = codes.FailedPrecondition
		}
	}
	return status.Error(code, strings.Join(texts, "; "))
}
