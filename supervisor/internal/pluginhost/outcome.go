// SPDX-License-Identifier: Apache-2.0

package pluginhost

import (
	"github.com/pgvigil/pgvigil/supervisor/internal/core"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// judge tells what the status of a PostgreSQL call proves: the protocol's list, and for everything else that
// nothing is known.
func judge(err error, trailer metadata.MD) (outcome core.Outcome, hopeless bool) {
	switch code := status.Code(err); code {
	case codes.OK:
		return core.OutcomeDone, false
	case codes.OutOfRange:
		return core.OutcomeRefused, true
	case codes.InvalidArgument, codes.FailedPrecondition, codes.Aborted, codes.Unimplemented:
		return core.OutcomeRefused, false
	case codes.Unavailable:
		if saidByPlugin(trailer) {
			return core.OutcomeRefused, false
		}
	}
	return core.OutcomeUnknown, false
}

// saidByPlugin tells whether a status came from the plugin. gRPC's client makes up UNAVAILABLE by itself when
// the connection breaks, also after the plugin has acted on the request: that proves nothing. A status sent
// without an answer before it carries at least the content type in its trailer, one made up has no trailer.
func saidByPlugin(trailer metadata.MD) bool { return len(trailer) > 0 }

// message is what a status says to people.
func message(err error) string {
	if err == nil {
		return ""
	}
	if s, ok := status.FromError(err); ok {
		return s.Message()
	}
	return err.Error()
}
