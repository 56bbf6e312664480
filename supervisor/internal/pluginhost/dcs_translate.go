// SPDX-License-Identifier: Apache-2.0

package pluginhost

import (
	"fmt"
	"strings"

	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
	"github.com/pgvigil/pgvigil/supervisor/internal/core"
)

// viewFromWire refuses a picture that cannot be one: foreign keys, keys out of order, or newer than the whole.
func viewFromWire(r *pluginv1.ReadResponse, prefix string) (RawView, error) {
	view := RawView{Revision: core.Revision(r.GetRevision())}
	for i, kv := range r.GetKeys() {
		key := keyFromWire(kv)
		switch {
		case !strings.HasPrefix(key.Key, prefix):
			return RawView{}, fmt.Errorf("key %q is not under %q", key.Key, prefix)
		case i > 0 && key.Key <= view.Keys[i-1].Key:
			return RawView{}, fmt.Errorf("key %q is out of order", key.Key)
		case key.Rev <= 0 || key.Rev > view.Revision:
			return RawView{}, fmt.Errorf("key %q has revision %d in a picture of revision %d", key.Key, key.Rev, view.Revision)
		}
		view.Keys = append(view.Keys, key)
	}
	return view, nil
}

func keyFromWire(kv *pluginv1.KeyValue) KeyValue {
	return KeyValue{Key: kv.GetKey(), Value: kv.GetValue(), Rev: core.Revision(kv.GetModRevision())}
}

func changeFromWire(r *pluginv1.WatchResponse) Change {
	c := Change{Revision: core.Revision(r.GetRevision())}
	for _, e := range r.GetEvents() {
		c.Keys = append(c.Keys, ChangedKey{keyFromWire(e.GetKeyValue()), e.GetDeleted()})
	}
	return c
}

func commitToWire(compares []core.Compare, writes []Write) *pluginv1.CommitRequest {
	r := &pluginv1.CommitRequest{}
	for _, c := range compares {
		r.Compares = append(r.Compares, &pluginv1.Compare{Key: c.Key, ModRevision: int64(c.Rev)})
	}
	for _, w := range writes {
		r.Writes = append(r.Writes, &pluginv1.Write{Key: w.Key, Value: w.Value, Delete: w.Delete})
	}
	return r
}

func commitFromWire(r *pluginv1.CommitResponse) (CommitResult, error) {
	outcome, conflict, err := commitOutcomeFromWire(r.GetOutcome())
	if err != nil {
		return CommitResult{}, err
	}
	result := CommitResult{Outcome: outcome, Conflict: conflict, Message: r.GetMessage()}
	switch {
	case conflict:
		result.Message = "a compared key was changed by somebody else"
		for _, kv := range r.GetCurrent() {
			result.Current = append(result.Current, keyFromWire(kv))
		}
	case outcome == core.OutcomeDone && r.GetRevision() <= 0:
		return CommitResult{}, fmt.Errorf("commit applied at revision %d", r.GetRevision())
	case outcome == core.OutcomeDone:
		result.Revision = core.Revision(r.GetRevision())
	}
	return result, nil
}

func commitOutcomeFromWire(o pluginv1.Outcome) (outcome core.Outcome, conflict bool, err error) {
	switch o {
	case pluginv1.Outcome_OUTCOME_APPLIED:
		return core.OutcomeDone, false, nil
	case pluginv1.Outcome_OUTCOME_CONFLICT:
		return core.OutcomeRefused, true, nil
	case pluginv1.Outcome_OUTCOME_UNKNOWN:
		return core.OutcomeUnknown, false, nil
	}
	return "", false, unknownEnum(o)
}
