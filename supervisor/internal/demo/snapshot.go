// SPDX-License-Identifier: Apache-2.0

package demo

import "time"

// snapshot is what is to be seen at one moment. It is never changed.
type snapshot struct {
	at     time.Time
	epoch  uint64
	leader string
	nodes  []nodeView

	acknowledged, unknown, failed int
	// gap is the longest time between two acknowledged writes since the last event; quiet is how long the last
	// acknowledgement is ago.
	gap, quiet time.Duration
	violations []string
	// decisions of all nodes, oldest first.
	decisions []decision
}

// nodeView is one node.
type nodeView struct {
	name, address string
	// etcd, supervisor and postgres tell which processes run; answers tells that the supervisor answered.
	etcd, supervisor, postgres, answers bool
	role, state, job                    string
	timeline                            uint32
	lsn                                 string
	// lag is how many bytes are not received yet; nil is not known, or the leader itself.
	lag *uint64
}

// decision is a change of mind of one supervisor.
type decision struct {
	at                   time.Time
	node, rule, sentence string
	plan                 []string
}
