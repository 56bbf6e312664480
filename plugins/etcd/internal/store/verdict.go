// SPDX-License-Identifier: Apache-2.0

package store

import (
	"errors"
	"strings"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

var (
	// ErrUnavailable is in every error that says: nothing was changed, and it may work later.
	ErrUnavailable = errors.New("etcd not available")
	// ErrUnknown is in every error that says: the commit may or may not have been applied, or may still be.
	ErrUnknown = errors.New("outcome of commit unknown")
	// ErrInvalid is in every error that says: the request can never succeed as it is. Nothing was changed.
	ErrInvalid = errors.New("invalid request")
	// ErrCompacted says that the history a watch needs is gone; read, then watch anew.
	ErrCompacted = errors.New("history compacted")
	// ErrDenied says that etcd refuses the user's name, password or permissions. Nothing was changed.
	ErrDenied = errors.New("refused by etcd")
	// ErrClosed says that the store was closed.
	ErrClosed = errors.New("store closed")
)

// verdict is what an error from etcd proves about the request that met it.
type verdict int

const (
	// inconclusive proves nothing: the request may have been applied, or may still be.
	inconclusive verdict = iota
	// unapplied proves that etcd did not and will not apply it; another try may work.
	unapplied
	// staleToken is unapplied, and the try needs a new token.
	staleToken
	// denied is unapplied, and trying again does not help before somebody changes a permission.
	denied
	// malformed is unapplied, and trying again never helps.
	malformed
)

// Errors of etcd that are raised before a request is proposed to raft, or by its deterministic application
// instead of the change. Everything else etcd says (timeouts, server stopped, leader changed, …) leaves open
// what becomes of a proposal that was already made.
var verdicts = map[string]verdict{
	rpctypes.ErrorDesc(rpctypes.ErrGRPCNoLeader):               unapplied,
	rpctypes.ErrorDesc(rpctypes.ErrGRPCNotCapable):             unapplied,
	rpctypes.ErrorDesc(rpctypes.ErrGRPCNotSupportedForLearner): unapplied,
	rpctypes.ErrorDesc(rpctypes.ErrTooManyRequests):            unapplied,
	rpctypes.ErrorDesc(rpctypes.ErrGRPCNoSpace):                unapplied,
	"raft proposal dropped":                                    unapplied,
	rpctypes.ErrorDesc(rpctypes.ErrGRPCInvalidAuthToken):       staleToken,
	rpctypes.ErrorDesc(rpctypes.ErrGRPCAuthOldRevision):        staleToken,
	rpctypes.ErrorDesc(rpctypes.ErrGRPCUserEmpty):              staleToken,
	rpctypes.ErrorDesc(rpctypes.ErrGRPCPermissionDenied):       denied,
	rpctypes.ErrorDesc(rpctypes.ErrGRPCAuthFailed):             denied,
	rpctypes.ErrorDesc(rpctypes.ErrGRPCUserNotFound):           denied,
	rpctypes.ErrorDesc(rpctypes.ErrGRPCRequestTooLarge):        malformed,
	rpctypes.ErrorDesc(rpctypes.ErrGRPCTooManyOps):             malformed,
	rpctypes.ErrorDesc(rpctypes.ErrGRPCDuplicateKey):           malformed,
	rpctypes.ErrorDesc(rpctypes.ErrGRPCEmptyKey):               malformed,
}

// judge returns what an error of etcd, or of the connection to it, proves. Errors of the connection prove
// nothing here; whether a request was sent is the link's knowledge.
func judge(err error) verdict {
	if v, ok := verdicts[describe(err)]; ok {
		return v
	}
	if status.Code(err) == codes.ResourceExhausted && strings.Contains(err.Error(), "message larger than max") {
		return malformed // client and server refuse it before they look inside
	}
	return inconclusive
}

// describe returns the bare text of an etcd error, however it is wrapped, as a status or as the client's type.
func describe(err error) string {
	var own rpctypes.EtcdError
	if errors.As(err, &own) {
		return own.Error()
	}
	var s interface{ GRPCStatus() *status.Status }
	if errors.As(err, &s) {
		return s.GRPCStatus().Message()
	}
	return err.Error()
}
