// SPDX-License-Identifier: Apache-2.0

package plugintest

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
	"google.golang.org/grpc"
)

// dcsLinearizable: what one plugin acknowledged, the other reads at once, and revisions never fall.
func dcsLinearizable(t *testing.T, s store, second *grpc.ClientConn) {
	sides := []store{s, s.on(second)}
	var last int64
	for i := range 40 {
		writer, reader := sides[i%2], sides[(i+1)%2]
		value := strconv.Itoa(i)
		r := writer.apply(t, nil, writer.put("a", value))
		seen := reader.read(t, s.prefix)
		if keys := seen.GetKeys(); len(keys) != 1 || string(keys[0].GetValue()) != value {
			t.Fatalf("read after the commit of %q: %v", value, keys)
		}
		if seen.GetRevision() < r || r <= last {
			t.Fatalf("revisions: commit %d, then read %d; the commit before was %d", r, seen.GetRevision(), last)
		}
		last = r
	}
}

const (
	countWriters = 8
	countEach    = 20
)

// dcsCount: many writers at once append to one value by compare-and-swap. Every acknowledged token is
// there once, every refused one is not; one of unknown outcome may be.
func dcsCount(t *testing.T, s store, second *grpc.ClientConn) {
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	ledgers := make([]ledger, countWriters)
	var wg sync.WaitGroup
	for i := range ledgers {
		side := s
		if i%2 == 1 {
			side = s.on(second)
		}
		ledgers[i].writer = fmt.Sprintf("w%d", i)
		wg.Go(func() { ledgers[i].fill(ctx, side) })
	}
	wg.Wait()
	var tokens []string
	for _, kv := range s.read(t, s.prefix).GetKeys() {
		tokens = strings.Fields(string(kv.GetValue()))
	}
	for _, l := range ledgers {
		l.compare(t, tokens)
	}
	if dup := len(tokens) - len(slices.Compact(slices.Sorted(slices.Values(tokens)))); dup != 0 {
		t.Errorf("%d tokens stand twice", dup)
	}
}

// ledger is what one writer knows about its tokens.
type ledger struct {
	writer           string
	applied, unknown []string
	err              error
}

func (l *ledger) fill(ctx context.Context, s store) {
	for i := 0; len(l.applied) < countEach; i++ {
		token := fmt.Sprintf("%s.%d", l.writer, i)
		outcome, err := s.append(ctx, token)
		switch {
		case ctx.Err() != nil:
			l.err = fmt.Errorf("writer %s did not finish: %w", l.writer, ctx.Err())
			return
		case err != nil || outcome == pluginv1.Outcome_OUTCOME_UNKNOWN:
			l.unknown = append(l.unknown, token)
		case outcome == pluginv1.Outcome_OUTCOME_APPLIED:
			l.applied = append(l.applied, token)
		case outcome != pluginv1.Outcome_OUTCOME_CONFLICT:
			l.err = fmt.Errorf("writer %s: outcome %s", l.writer, outcome)
			return
		}
	}
}

func (l *ledger) compare(t *testing.T, tokens []string) {
	t.Helper()
	if l.err != nil {
		t.Error(l.err)
	}
	for _, token := range l.applied {
		if !slices.Contains(tokens, token) {
			t.Errorf("acknowledged token %s is lost", token)
		}
	}
	for _, token := range tokens {
		if strings.HasPrefix(token, l.writer+".") && !slices.Contains(l.applied, token) && !slices.Contains(l.unknown, token) {
			t.Errorf("refused token %s was written", token)
		}
	}
}

// append reads the value and commits it with one token more, on the condition that it did not change.
func (s store) append(ctx context.Context, token string) (pluginv1.Outcome, error) {
	seen, err := s.dcs.Read(ctx, &pluginv1.ReadRequest{Prefix: s.prefix + "list"})
	if err != nil {
		return pluginv1.Outcome_OUTCOME_CONFLICT, nil
	}
	var kv *pluginv1.KeyValue
	if len(seen.GetKeys()) > 0 {
		kv = seen.GetKeys()[0]
	}
	resp, err := s.dcs.Commit(ctx, &pluginv1.CommitRequest{
		Compares: s.when("list", kv.GetModRevision()),
		Writes:   []*pluginv1.Write{s.put("list", string(kv.GetValue())+" "+token)},
	})
	return resp.GetOutcome(), err
}

// dcsWatchBusy: a watch through one plugin sees every commit made through the other, in order, also
// when it reads late.
func dcsWatchBusy(t *testing.T, s store, second *grpc.ClientConn) {
	const n = 200
	w := s.watch(t, s.prefix, 0)
	writer := s.on(second)
	var want []*pluginv1.Event
	for i := range n {
		v := strconv.Itoa(i)
		want = append(want, s.wrote("a", v, writer.apply(t, nil, writer.put("a", v))))
	}
	began := time.Now()
	w.expect(t, want...)
	t.Logf("%d events in %s", n, time.Since(began))
}
