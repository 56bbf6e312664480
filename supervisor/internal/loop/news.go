// SPDX-License-Identifier: Apache-2.0

package loop

import "github.com/pgvigil/pgvigil/supervisor/internal/core"

// logged is what the log last said of the cluster.
type logged struct {
	hold core.Epoch // our leadership
	view *core.View
}

// news logs what people look for in a log: who leads, and what became of what an operator asked for.
func (l *Loop) news(v *core.View) {
	l.newsOfHold()
	if was := l.logged.view; was != nil && v != nil && v != was {
		l.newsOfLeader(was.Leader.Value, v.Leader.Value)
		l.newsOfOperation(was.Operation.Value, v.Operation.Value)
	}
	if v != nil {
		l.logged.view = v
	}
}

func (l *Loop) newsOfHold() {
	was, now := l.logged.hold, l.state.Hold.Epoch
	l.logged.hold = now
	switch {
	case was == now:
	case now != 0 && l.state.TakenBy == "":
		l.Log.Info("leadership resumed", "epoch", now)
	case now != 0:
		l.Log.Info("leadership taken", "epoch", now, "rule", l.state.TakenBy, "why", l.state.TakenWhy)
	case l.state.GivenUp == was:
		l.Log.Info("leadership given up", "epoch", was)
	default:
		l.Log.Warn("leadership lost", "epoch", was)
	}
}

func (l *Loop) newsOfLeader(was, now core.Leader) {
	if now.Epoch != was.Epoch && now.Holder != l.Policy.Self.Name {
		l.Log.Info("new leader", "leader", now.Holder, "epoch", now.Epoch, "before", was.Holder)
	}
}

func (l *Loop) newsOfOperation(was, now core.Operation) {
	switch {
	case now.ID == was.ID && now.State == was.State:
	case now.State == core.Pending:
		l.Log.Info("operation asked for", "operation", now.Kind, "from", now.From, "to", now.To, "by", now.By, "id", now.ID)
	case now.State == core.Done:
		l.Log.Info("operation done", "operation", now.Kind, "result", now.Result, "id", now.ID)
	case now.State == core.Failed:
		l.Log.Warn("operation failed", "operation", now.Kind, "result", now.Result, "id", now.ID)
	}
}
