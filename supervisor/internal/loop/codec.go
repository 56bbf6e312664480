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
	slices.SortFunc(v.Members, func(a, b core.Versioned[core.Member]) int {
		return strings.Compare(a.Value.Name, b.Value.Name)
	})
	return v
}

// decodeKey puts one key into its place. Unknown keys are left alone.
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
		var m core.Versioned[core.Member]
		err := decode(&m, kv)
		m.Value.Name = strings.TrimPrefix(key, core.KeyMembers)
		v.Members = append(v.Members, m)
		return err
	case strings.HasPrefix(key, core.KeyHistory):
		var h core.Versioned[core.History]
		err := decode(&h, kv)
		v.History = append(v.History, h)
		return err
	}
	return nil
}

func decode[T any](into *core.Versioned[T], kv KeyValue) error {
	into.Rev = kv.Rev
	return json.Unmarshal(kv.Value, &into.Value)
}
