// SPDX-License-Identifier: Apache-2.0

package loop

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
)

// encodeWrites turns records into what the DCS stores.
func encodeWrites(prefix string, ws []core.Write) ([]KeyValue, error) {
	out := make([]KeyValue, 0, len(ws))
	for _, w := range ws {
		value, err := json.Marshal(w.Record)
		if err != nil {
			return nil, fmt.Errorf("record of %s: %w", w.Key, err)
		}
		out = append(out, KeyValue{Key: prefix + w.Key, Value: value})
	}
	return out, nil
}

// decodeView sorts keys into a view. A record that cannot be read counts as present but empty: it keeps its revision,
// so that nobody takes its place by mistake, and it is logged.
func decodeView(prefix string, p Picture, log *slog.Logger) *core.View {
	v := &core.View{Revision: p.Revision}
	for _, kv := range p.Keys {
		key := strings.TrimPrefix(kv.Key, prefix)
		if err := decodeKey(v, key, kv); err != nil {
			log.Error("record in the dcs cannot be read", "key", kv.Key, "error", err)
		}
	}
	return v
}

// applied is a view with one step of the store applied.
func applied(prefix string, old *core.View, c Change, log *slog.Logger) *core.View {
	v := *old
	v.Revision = c.Revision
	for _, k := range c.Keys {
		kv := k.KeyValue
		if k.Deleted {
			kv.Rev = 0
		}
		if err := decodeKey(&v, strings.TrimPrefix(kv.Key, prefix), kv); err != nil {
			log.Error("record in the dcs cannot be read", "key", kv.Key, "error", err)
		}
	}
	return &v
}

// decodeKey puts one key into its place; a revision of 0 takes it away. Unknown keys are left alone.
func decodeKey(v *core.View, key string, kv KeyValue) error {
	switch {
	case key == core.KeyIdentity:
		return decode(&v.Identity, kv)
	case key == core.KeyConfig:
		return decode(&v.Config, kv)
	case key == core.KeyEpoch:
		return decode(&v.Epoch, kv)
	case key == core.KeyLeader:
		return decode(&v.Leader, kv)
	case key == core.KeyCohort:
		return decode(&v.Cohort, kv)
	case key == core.KeyOperation:
		return decode(&v.Operation, kv)
	case strings.HasPrefix(key, core.KeyMembers):
		m, err := decoded[core.Member](kv)
		m.Value.Name = strings.TrimPrefix(key, core.KeyMembers)
		v.Members = placed(v.Members, m, func(x core.Versioned[core.Member]) string { return x.Value.Name })
		return err
	case strings.HasPrefix(key, core.KeyBallots):
		b, err := decoded[core.Ballot](kv)
		b.Value.Name = strings.TrimPrefix(key, core.KeyBallots)
		v.Ballots = placed(v.Ballots, b, func(x core.Versioned[core.Ballot]) string { return x.Value.Name })
		return err
	case strings.HasPrefix(key, core.KeyHistory):
		h, err := decoded[core.History](kv)
		v.History = placed(v.History, h, func(x core.Versioned[core.History]) string { return core.KeyOfHistory(x.Value.Epoch) })
		return err
	}
	return nil
}

func decode[T any](into *core.Versioned[T], kv KeyValue) (err error) {
	*into, err = decoded[T](kv)
	return err
}

// decoded is a key's record; of a removed key it is absent.
func decoded[T any](kv KeyValue) (core.Versioned[T], error) {
	v := core.Versioned[T]{Rev: kv.Rev}
	if kv.Rev == 0 {
		return v, nil
	}
	return v, json.Unmarshal(kv.Value, &v.Value)
}

// placed returns a copy of a sorted list with x in its place, instead of the one of the same name; an absent x is
// taken out.
func placed[T any](list []core.Versioned[T], x core.Versioned[T], name func(core.Versioned[T]) string) []core.Versioned[T] {
	i, found := slices.BinarySearchFunc(list, name(x), func(e core.Versioned[T], n string) int { return strings.Compare(name(e), n) })
	out := slices.Clone(list)
	switch {
	case found && x.Rev == 0:
		return slices.Delete(out, i, i+1)
	case found:
		out[i] = x
		return out
	case x.Rev == 0:
		return out
	}
	return slices.Insert(out, i, x)
}
