// SPDX-License-Identifier: Apache-2.0

package observe

import (
	"google.golang.org/protobuf/proto"

	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
)

// sameButPositions tells whether two pictures differ in nothing but positions and what moves with them.
func sameButPositions(a, b *pluginv1.ObserveResponse) bool {
	return proto.Equal(still(a), still(b))
}

// still is a copy without what moves all the time.
func still(s *pluginv1.ObserveResponse) *pluginv1.ObserveResponse {
	c := proto.CloneOf(s)
	c.ReplayedAtUnixNs, c.SampledAtBoottimeNs = 0, 0
	if running(c.GetStatus()) {
		c.Lsn, c.ReceivedLsn, c.ReplayedLsn = 0, 0, 0
	}
	if c.GetStatus() == pluginv1.Status_STATUS_HUNG {
		c.Message = ""
	}
	if c.GetReceiver() != nil {
		c.Receiver.SilenceNs = 0
	}
	for _, s := range c.GetSenders() {
		s.SentLsn, s.WriteLsn, s.FlushLsn, s.ReplayLsn = 0, 0, 0, 0
	}
	return c
}

func running(s pluginv1.Status) bool {
	return s == pluginv1.Status_STATUS_RUNNING || s == pluginv1.Status_STATUS_HUNG
}
