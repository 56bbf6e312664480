// SPDX-License-Identifier: Apache-2.0

package pluginhost

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
	"github.com/pgvigil/pgvigil/supervisor/internal/core"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// watchStands bounds the wait for the message that says that a watch stands.
const watchStands = 5 * time.Second

// DCS is the typed client of a DCS plugin.
type DCS struct{ plugin *Plugin }

// DCS is the host's DCS plugin; nil if it has none.
func (h *Host) DCS() *DCS {
	for _, p := range h.plugins {
		if p.spec.Kind == KindDCS {
			return &DCS{p}
		}
	}
	return nil
}

// RawView is a consistent picture of keys under a prefix.
type RawView struct {
	Revision core.Revision
	// Keys ascend.
	Keys []KeyValue
}

// KeyValue is one key as stored.
type KeyValue struct {
	Key   string
	Value []byte
	// Rev wrote the key last.
	Rev core.Revision
}

// Write sets a key, or removes it.
type Write struct {
	Key    string
	Value  []byte
	Delete bool
}

// CommitResult is what became of a commit.
type CommitResult struct {
	// Outcome is done (all writes are durable), refused (for certain nothing was written) or unknown.
	Outcome core.Outcome
	// Conflict tells the two refusals apart: a compare did not hold, or else the commit never reached the store.
	Conflict bool
	// Revision of the commit, when done.
	Revision core.Revision
	// Current are the compared keys that exist, with a conflict.
	Current []KeyValue
	// Message is for people; set when refused or unknown.
	Message string
}

// Read returns every key under the prefix as of one revision; linearizable.
func (d *DCS) Read(ctx context.Context, prefix string) (RawView, error) {
	s, err := d.plugin.ready()
	if err != nil {
		return RawView{}, err
	}
	answer, err := pluginv1.NewDCSClient(s.conn).Read(ctx, &pluginv1.ReadRequest{Prefix: prefix})
	if err != nil {
		return RawView{}, fmt.Errorf("read by plugin %s: %w", d.plugin.spec.Name, err)
	}
	view, err := viewFromWire(answer, prefix)
	if err != nil {
		return RawView{}, fmt.Errorf("read by plugin %s: %w", d.plugin.spec.Name, err)
	}
	return view, nil
}

// Commit applies all writes if all compares hold. It never fails: what is not proven is unknown.
func (d *DCS) Commit(ctx context.Context, compares []core.Compare, writes []Write) CommitResult {
	s, err := d.plugin.ready()
	if err != nil {
		return CommitResult{Outcome: core.OutcomeRefused, Message: err.Error()}
	}
	var trailer metadata.MD
	answer, err := pluginv1.NewDCSClient(s.conn).Commit(ctx, commitToWire(compares, writes), grpc.Trailer(&trailer))
	if err != nil {
		return CommitResult{Outcome: judgeCommit(err, trailer), Message: message(err)}
	}
	result, err := commitFromWire(answer)
	if err != nil {
		return CommitResult{Outcome: core.OutcomeUnknown, Message: fmt.Sprintf("answer of plugin %s: %v", d.plugin.spec.Name, err)}
	}
	return result
}

// judgeCommit tells what the error of a commit proves.
func judgeCommit(err error, trailer metadata.MD) core.Outcome {
	switch status.Code(err) {
	case codes.InvalidArgument:
		return core.OutcomeRefused
	case codes.Unavailable:
		if saidByPlugin(trailer) {
			return core.OutcomeRefused
		}
	}
	return core.OutcomeUnknown
}

// Change is one step of the store: what it changed under the watched prefix, oldest first. No keys is a sign of life.
type Change struct {
	Revision core.Revision
	Keys     []ChangedKey
}

// ChangedKey is a key as written, or removed.
type ChangedKey struct {
	KeyValue
	Deleted bool
}

// Watch calls changed when the watch stands, without keys, and then for every step of the store in order, from a
// revision on (0: from now on). It blocks until the watch ends, which is always
// an error: of ctx, of the plugin, or that the history from that revision is gone. Read, then watch anew.
func (d *DCS) Watch(ctx context.Context, prefix string, from core.Revision, changed func(Change)) error {
	s, err := d.plugin.ready()
	if err != nil {
		return err
	}
	v := s.keepVigil(ctx, watchStands)
	defer v.end()
	stream, err := pluginv1.NewDCSClient(s.conn).Watch(v, &pluginv1.WatchRequest{Prefix: prefix, FromRevision: int64(from)})
	for err == nil {
		var step *pluginv1.WatchResponse
		if step, err = stream.Recv(); err == nil {
			v.rest()
			changed(changeFromWire(step))
		}
	}
	if errors.Is(err, io.EOF) {
		err = errors.New("plugin ended it")
	}
	return fmt.Errorf("watch by plugin %s: %w", d.plugin.spec.Name, v.because(err))
}
