// SPDX-License-Identifier: Apache-2.0

package modelcheck

import (
	"slices"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
)

const maxNodes = 4

// names are the nodes'.
var names = [maxNodes]string{"A", "B", "C", "D"}

func indexOf(name string) int { return slices.Index(names[:], name) }

// node is a member: its supervisor, its PostgreSQL, and what is under way between them and the store.
type node struct {
	self  int
	boots int
	state core.State
	// view is the store as it was last seen, if any.
	seen bool
	view id
	pg   postgres
	job  job
	// lanes are the commits under way, one for each purpose.
	lanes [len(purposes)]lane
	// published is the member record but for the position, said the position in it. That of others nothing looks at here.
	published id
	said      core.LSN
	// quiet: nothing was heard of the leader for long, neither of its supervisor nor of its PostgreSQL.
	quiet bool
}

// purposes are those of the commits that travel.
var purposes = [...]core.CommitPurpose{core.CommitLeader, core.CommitCohort, core.CommitBallot, core.CommitOperation}

// lane holds a commit under way.
type lane struct {
	busy   bool
	commit id
	// applied says that the store has it, at rev; the answer is on its way.
	applied bool
	rev     core.Revision
}

// job is a call of the PostgreSQL plugin under way; kind is empty when none is.
type job struct {
	kind     core.ActionKind
	epoch    core.Epoch
	peer     int
	timeline core.Timeline
	names    string
	settles  bool
	phase    int
}

func jobOf(a core.Action) job {
	j := job{kind: a.Kind, epoch: a.Epoch, peer: nobody, timeline: a.Timeline, names: a.Sync.String(), settles: a.Settle}
	if a.Peer != nil {
		j.peer = indexOf(a.Peer.Name)
	}
	return j
}

// crash ends the supervisor and starts it anew: what is not durable is gone.
func (n *node) crash() {
	n.state = core.State{Durable: n.state.Durable}
	n.seen, n.view, n.job, n.quiet = false, 0, job{}, false
	n.lanes = [len(purposes)]lane{}
}

// reboot is a crash of the whole host: what was kept in /run is gone, too.
func (n *node) reboot() {
	n.crash()
	n.pg.kill()
	n.boots++
	n.state.OfBoot = core.OfBoot{}
}

// leads: the node holds a leadership.
func (n *node) leads() bool { return n.state.Hold.Epoch != 0 }
