// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/pgvigil/pgvigil/supervisor/internal/api"
	"github.com/pgvigil/pgvigil/supervisor/internal/lab"
	"github.com/pgvigil/pgvigil/supervisor/internal/lab/boottime"
)

// askTimeout is how long a supervisor may take to answer.
const askTimeout = 300 * time.Millisecond

// decisionsKept is how many decisions a snapshot holds.
const decisionsKept = 40

// answer is what one supervisor says.
type answer struct {
	status *api.Status
	why    *api.Why
}

// look takes a snapshot. Supervisors that do not answer in time are shown as silent.
func (s *stage) look(ctx context.Context) snapshot {
	answers := s.ask(ctx)
	snap := snapshot{at: time.Now(), violations: s.violations()}
	s.lookAtWrites(&snap)
	for i, n := range s.Nodes {
		snap.nodes = append(snap.nodes, s.lookAtNode(n, answers[i].status))
		snap.decisions = append(snap.decisions, notable(decisions(answers[i].why))...)
	}
	snap.decisions = newest(snap.decisions, decisionsKept)
	lookAtCluster(&snap, answers)
	return snap
}

func (s *stage) lookAtWrites(snap *snapshot) {
	totals := s.book.Totals()
	snap.acknowledged, snap.unknown, snap.failed = totals.Acknowledged, totals.Unknown, totals.Failed
	s.mu.Lock()
	mark := s.mark
	s.mu.Unlock()
	last := s.book.LastAck()
	if mark == 0 || last == 0 {
		return
	}
	snap.gap, snap.quiet = s.book.Gap(mark), boottime.Now().Sub(last)
}

// lookAtCluster takes what the nodes agree on from the one that knows the newest epoch.
func lookAtCluster(snap *snapshot, answers []answer) {
	var lags map[string]uint64
	for _, a := range answers {
		if a.status == nil {
			continue
		}
		if epoch := uint64(a.status.Cluster.Epoch); epoch >= snap.epoch {
			snap.epoch, snap.leader = epoch, a.status.Cluster.Leader
		}
		if a.status.Self.Hold.Valid {
			lags = lagsOf(a.status.Self.Postgres)
		}
	}
	for i := range snap.nodes {
		if lag, ok := lags[snap.nodes[i].name]; ok {
			snap.nodes[i].lag = &lag
		}
	}
}

// lagsOf is how many bytes of the primary's WAL its standbys have not flushed, by one sample of the primary.
func lagsOf(p *api.Postgres) map[string]uint64 {
	lags := make(map[string]uint64)
	if p == nil {
		return lags
	}
	end, ok := parseLSN(p.LSN)
	for _, sender := range p.Senders {
		if flushed, known := parseLSN(sender.Flush); ok && known {
			lags[sender.Member] = end - min(end, flushed)
		}
	}
	return lags
}

// parseLSN reads a position such as 0/3000148; the zero position is none.
func parseLSN(text string) (uint64, bool) {
	high, low, ok := strings.Cut(text, "/")
	h, err1 := strconv.ParseUint(high, 16, 32)
	l, err2 := strconv.ParseUint(low, 16, 32)
	if !ok || err1 != nil || err2 != nil {
		return 0, false
	}
	return h<<32 | l, h|l != 0
}

func (s *stage) lookAtNode(n *lab.Node, status *api.Status) nodeView {
	v := nodeView{name: n.Name, address: n.Postgres()}
	s.mu.Lock()
	v.supervisor, v.etcd = n.SupervisorPID() != 0, n.EtcdPID() != 0
	s.mu.Unlock()
	_, err := n.Postmaster()
	v.postgres = err == nil
	if status == nil {
		return v
	}
	v.answers = true
	for _, m := range status.Members {
		if m.Name == n.Name {
			v.role, v.state = m.Role, m.State
		}
	}
	if job := status.Self.Job; job != nil {
		v.job = progress(job)
	}
	if p := status.Self.Postgres; p != nil {
		v.timeline, v.lsn = uint32(p.Timeline), p.LSN
	}
	return v
}

// progress is a job in few words.
func progress(job *api.Job) string {
	if job.Total > 0 {
		return fmt.Sprintf("%s %d%%", job.Kind, min(100, job.Done*100/job.Total))
	}
	return job.Kind
}

func decisions(why *api.Why) []decision {
	if why == nil {
		return nil
	}
	var all []decision
	for _, d := range why.Recent {
		at, err := time.Parse(time.RFC3339Nano, d.At)
		if err != nil {
			continue
		}
		all = append(all, decision{at: at, node: why.Member, rule: d.Rule, sentence: d.Sentence, plan: d.Plan})
	}
	return all
}

// ask asks all supervisors at once.
func (s *stage) ask(ctx context.Context) []answer {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	answers := make([]answer, len(s.Nodes))
	var group sync.WaitGroup
	for i, n := range s.Nodes {
		group.Go(func() {
			answers[i].status = get[api.Status](ctx, n, "/v1/status")
			answers[i].why = get[api.Why](ctx, n, "/v1/why")
		})
	}
	group.Wait()
	return answers
}

// get reads one document, nil when there is no answer or it cannot be read.
func get[T any](ctx context.Context, n *lab.Node, path string) *T {
	code, body, err := n.Get(ctx, path)
	if err != nil || code != http.StatusOK {
		return nil
	}
	document := new(T)
	if json.Unmarshal(body, document) != nil {
		return nil
	}
	return document
}
