// SPDX-License-Identifier: Apache-2.0

package conf

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/pgvigil/pgvigil/plugins/postgres/internal/config"
)

// Peer is another member as PostgreSQL reaches it.
type Peer struct {
	// Name of the member.
	Name string `json:"name"`
	// Host name or address.
	Host string `json:"host"`
	// Port of PostgreSQL.
	Port uint16 `json:"port"`
	// StreamOnly keeps restore_command empty.
	StreamOnly bool `json:"stream_only,omitempty"`
}

// Intent is what the supervisor wants of PostgreSQL beyond the configuration. It outlives the plugin,
// so that PostgreSQL comes back as it was: a detached standby detached.
type Intent struct {
	// Upstream is whom to stream from; nil for nobody, and then no WAL is restored either.
	Upstream *Peer `json:"upstream,omitempty"`
	// SyncNames is synchronous_standby_names.
	SyncNames string `json:"synchronous_standby_names,omitempty"`
	// Slots are the names of the physical slots made by pgvigil.
	Slots []string `json:"slots,omitempty"`
	// Raised are settings that were raised at the last start, because a standby needs at least what its
	// primary had.
	Raised map[string]int `json:"raised,omitempty"`
	// Elsewhere says that the running server was started, by somebody else, with a postgresql.conf that is not in the data
	// directory.
	Elsewhere bool `json:"elsewhere,omitempty"`
}

const intentFile = "intent.json"

// LoadIntent reads the intent; an empty one when none was stored.
func LoadIntent(c *config.Config) (Intent, error) {
	var in Intent
	raw, err := os.ReadFile(c.State(intentFile))
	if errors.Is(err, fs.ErrNotExist) {
		return in, nil
	}
	if err != nil {
		return in, fmt.Errorf("stored intent: %w", err)
	}
	if err := json.Unmarshal(raw, &in); err != nil {
		return in, fmt.Errorf("stored intent: %w", err)
	}
	return in, nil
}

// Save stores the intent durably.
func (in Intent) Save(c *config.Config) error {
	raw, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("intent: %w", err)
	}
	_, err = WriteFile(c.OS, c.State(intentFile), append(raw, '\n'))
	return err
}
