// SPDX-License-Identifier: Apache-2.0

package store

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// TestVerdicts: what a commit's fate hangs on. Only what etcd says before it proposes a request, or instead of
// applying it, proves anything.
func TestVerdicts(t *testing.T) {
	for _, test := range []struct {
		err  error
		want verdict
	}{
		{rpctypes.ErrGRPCNoLeader, unapplied},
		{rpctypes.ErrNoLeader, unapplied},
		{fmt.Errorf("wrapped: %w", rpctypes.ErrGRPCNoLeader), unapplied},
		{fmt.Errorf("wrapped: %w", rpctypes.ErrNoLeader), unapplied},
		{rpctypes.ErrGRPCNoSpace, unapplied},
		{status.Error(codes.Unknown, "raft proposal dropped"), unapplied},
		{rpctypes.ErrGRPCInvalidAuthToken, staleToken},
		{rpctypes.ErrAuthOldRevision, staleToken},
		{rpctypes.ErrGRPCPermissionDenied, denied},
		{rpctypes.ErrGRPCRequestTooLarge, malformed},
		{status.Error(codes.ResourceExhausted, "trying to send message larger than max (3 vs. 2)"), malformed},
		{rpctypes.ErrGRPCTimeout, inconclusive},
		{rpctypes.ErrGRPCTimeoutDueToLeaderFail, inconclusive},
		{rpctypes.ErrGRPCTimeoutDueToConnectionLost, inconclusive},
		{rpctypes.ErrGRPCLeaderChanged, inconclusive},
		{rpctypes.ErrGRPCStopped, inconclusive},
		{rpctypes.ErrGRPCCorrupt, inconclusive},
		{status.Error(codes.ResourceExhausted, "something else"), inconclusive},
		{status.Error(codes.Unavailable, "transport is closing"), inconclusive},
		{status.Error(codes.DeadlineExceeded, "context deadline exceeded"), inconclusive},
		{errors.New("anything"), inconclusive},
	} {
		if got := judge(test.err); got != test.want {
			t.Errorf("%v: got %d, want %d", test.err, got, test.want)
		}
	}
}

func TestSummary(t *testing.T) {
	answers := func(version string, alarms ...string) *pb.StatusResponse {
		return &pb.StatusResponse{Version: version, Errors: alarms}
	}
	for _, test := range []struct {
		all     []condition
		healthy bool
		want    string
	}{
		{[]condition{{"a", answers("3.6.14"), nil}, {"b", answers("3.6.14"), nil}}, true, "2 of 2 endpoints answer"},
		{[]condition{{"a", answers("3.5.16"), nil}, {"b", answers("3.5.16"), nil}}, true,
			"2 of 2 endpoints answer; etcd 3.5.16 has known security defects, update to 3.5.33 or later"},
		{[]condition{{"a", answers("3.6.14", "memberID:1 alarm:NOSPACE"), nil}}, true, "1 of 1 endpoints answer; a: memberID:1 alarm:NOSPACE"},
		{[]condition{{"a", nil, errors.New("context deadline exceeded")}}, false, "0 of 1 endpoints answer; a: no answer"},
	} {
		healthy, line := summarise(test.all)
		if healthy != test.healthy || line != test.want {
			t.Errorf("got %v %q, want %v %q", healthy, line, test.healthy, test.want)
		}
	}
}

func TestOutdated(t *testing.T) {
	for version, old := range map[string]bool{
		"3.4.23": true, "3.5.32": true, "3.5.33": false, "3.6.0-rc.1": true, "3.6.14": false, "3.7.0": true, "3.7.1": false,
		"3.8.0": false, "4.0.0": false, "2.3.8": true, "": false, "devel": false,
	} {
		if got := strings.Contains(outdated(version), "update to"); got != old {
			t.Errorf("%q: outdated is %v", version, got)
		}
	}
}
