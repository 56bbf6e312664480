// SPDX-License-Identifier: Apache-2.0

package plugintest_test

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/pgvigil/pgvigil/plugins/sdk"
	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// memory is a DCS in memory. A defect, if named, makes it break one promise.
type memory struct {
	pluginv1.UnimplementedDCSServer
	defect string

	mu       sync.Mutex
	revision int64
	keys     map[string]*pluginv1.KeyValue
	log      []*pluginv1.WatchResponse
	// changed is closed and replaced with every commit.
	changed chan struct{}
}

func newMemory(defect string) *memory {
	return &memory{defect: defect, revision: 1, keys: map[string]*pluginv1.KeyValue{}, changed: make(chan struct{})}
}

// plugin serves the memory; several plugins may serve the same.
func (m *memory) plugin() sdk.Plugin {
	return sdk.Plugin{
		Name:         "memory",
		Version:      "0.1.0",
		Capabilities: []string{"dcs.read", "dcs.commit", "dcs.watch"},
		Configure:    func(context.Context, sdk.Config) []*pluginv1.Diagnostic { return nil },
		DCS:          m,
	}
}

func (m *memory) Read(_ context.Context, req *pluginv1.ReadRequest) (*pluginv1.ReadResponse, error) {
	if req.GetPrefix() == "" {
		return nil, status.Error(codes.InvalidArgument, "empty prefix")
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	resp := &pluginv1.ReadResponse{Revision: m.revision}
	prefix := req.GetPrefix()
	if m.defect == "prefix is a path" {
		prefix = strings.TrimSuffix(prefix, "/") + "/"
	}
	for _, k := range slices.Sorted(maps.Keys(m.keys)) {
		if strings.HasPrefix(k, prefix) {
			resp.Keys = append(resp.Keys, m.keys[k])
		}
	}
	return resp, nil
}

func (m *memory) Commit(_ context.Context, req *pluginv1.CommitRequest) (*pluginv1.CommitResponse, error) {
	if err := m.check(req); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if current, conflict := m.conflict(req.GetCompares()); conflict {
		return &pluginv1.CommitResponse{Outcome: pluginv1.Outcome_OUTCOME_CONFLICT, Current: current}, nil
	}
	m.write(req.GetWrites())
	return &pluginv1.CommitResponse{Outcome: pluginv1.Outcome_OUTCOME_APPLIED, Revision: m.revision}, nil
}

func (m *memory) check(req *pluginv1.CommitRequest) error {
	seen := map[string]bool{"": true}
	for _, w := range req.GetWrites() {
		if seen[w.GetKey()] && (m.defect != "key written twice" || w.GetKey() == "") {
			return status.Error(codes.InvalidArgument, "key empty or twice")
		}
		seen[w.GetKey()] = true
	}
	for _, c := range req.GetCompares() {
		if c.GetKey() == "" {
			return status.Error(codes.InvalidArgument, "empty key")
		}
	}
	if len(req.GetWrites()) == 0 {
		return status.Error(codes.InvalidArgument, "no writes")
	}
	return nil
}

func (m *memory) conflict(compares []*pluginv1.Compare) (current []*pluginv1.KeyValue, conflict bool) {
	for _, c := range compares {
		kv := m.keys[c.GetKey()]
		if kv != nil && m.defect != "no current" {
			current = append(current, kv)
		}
		switch m.defect {
		case "compare ignored":
		case "0 holds always":
			conflict = conflict || c.GetModRevision() != 0 && kv.GetModRevision() != c.GetModRevision()
		default:
			conflict = conflict || kv.GetModRevision() != c.GetModRevision()
		}
	}
	return current, conflict
}

func (m *memory) write(writes []*pluginv1.Write) {
	m.revision++
	step := &pluginv1.WatchResponse{Revision: m.revision}
	for i, w := range writes {
		if m.defect == "half a commit" && i > 0 {
			break
		}
		kv := &pluginv1.KeyValue{Key: w.GetKey(), ModRevision: m.revision}
		_, exists := m.keys[w.GetKey()]
		if w.GetDelete() {
			delete(m.keys, w.GetKey())
		} else {
			kv.Value = w.GetValue()
			m.keys[w.GetKey()] = kv
		}
		if !w.GetDelete() || exists {
			step.Events = append(step.Events, &pluginv1.Event{KeyValue: kv, Deleted: w.GetDelete()})
		}
	}
	m.log = append(m.log, step)
	close(m.changed)
	m.changed = make(chan struct{})
}

func (m *memory) Watch(req *pluginv1.WatchRequest, stream pluginv1.DCS_WatchServer) error {
	if req.GetPrefix() == "" {
		return status.Error(codes.InvalidArgument, "empty prefix")
	}
	m.mu.Lock()
	from, now := req.GetFromRevision(), m.revision
	m.mu.Unlock()
	if from == 0 || m.defect == "from ignored" {
		from = now + 1
	}
	if m.defect != "no first message" {
		if err := stream.Send(&pluginv1.WatchResponse{Revision: now}); err != nil {
			return err
		}
	}
	for {
		steps, changed := m.since(from, req.GetPrefix())
		for _, step := range steps {
			from = step.GetRevision() + 1
			if err := stream.Send(step); err != nil {
				return err
			}
		}
		select {
		case <-changed:
		case <-stream.Context().Done():
			return stream.Context().Err()
		}
	}
}

// since is what happened under the prefix from a revision on, and a channel that tells of more.
func (m *memory) since(from int64, prefix string) ([]*pluginv1.WatchResponse, <-chan struct{}) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var steps []*pluginv1.WatchResponse
	for _, step := range m.log {
		if step.GetRevision() < from || m.defect == "event lost" && step.GetRevision()%5 == 0 {
			continue
		}
		seen := &pluginv1.WatchResponse{Revision: step.GetRevision()}
		for _, e := range step.GetEvents() {
			if strings.HasPrefix(e.GetKeyValue().GetKey(), prefix) {
				seen.Events = append(seen.Events, e)
			}
		}
		if len(seen.GetEvents()) > 0 {
			steps = append(steps, seen)
		}
	}
	return steps, m.changed
}
