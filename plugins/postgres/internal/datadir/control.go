// SPDX-License-Identifier: Apache-2.0

package datadir

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/pgvigil/pgvigil/plugins/postgres/internal/config"
	"github.com/pgvigil/pgvigil/plugins/postgres/internal/proc"
	"github.com/pgvigil/pgvigil/plugins/postgres/internal/wal"
)

// Control is what pg_control says.
type Control struct {
	// State as pg_controldata words it, such as "in production".
	State string
	// SystemID identifies the cluster.
	SystemID uint64
	// Checkpoint and Redo are the positions of the latest checkpoint and of where its recovery starts.
	Checkpoint, Redo wal.LSN
	// Timeline of the latest checkpoint.
	Timeline uint32
	// MinRecovery is how far recovery has to go at least, on MinRecoveryTimeline.
	MinRecovery         wal.LSN
	MinRecoveryTimeline uint32
	// SegmentSize of the log in bytes.
	SegmentSize uint64
	// Least are the settings a standby must at least have, by parameter name.
	Least map[string]int
	// Checksums tells whether data pages carry checksums, LogHints whether wal_log_hints was on.
	Checksums, LogHints bool
}

// Clean tells whether the last shutdown was one.
func (c Control) Clean() bool { return c.State == "shut down" || c.State == "shut down in recovery" }

// WasStandby tells whether the data directory last served a standby.
func (c Control) WasStandby() bool {
	return c.State == "shut down in recovery" || c.State == "in archive recovery"
}

// LastTimeline is the timeline of the last log that pg_control knows of.
func (c Control) LastTimeline() uint32 { return max(c.Timeline, c.MinRecoveryTimeline) }

// ReadControl runs pg_controldata on a directory.
func ReadControl(ctx context.Context, c *config.Config, dir string) (Control, error) {
	cmd := c.OS.Command(c.Program("pg_controldata"), "-D", dir)
	cmd.Env = append(cmd.Env, "LC_ALL=C")
	out, err := proc.Output(ctx, cmd)
	if err != nil {
		return Control{}, err
	}
	return parseControl(string(out))
}

func parseControl(text string) (Control, error) {
	if strings.Contains(text, "CRC checksum does not match") {
		return Control{}, errors.New("pg_control is damaged: its checksum does not match")
	}
	f := make(fields)
	for line := range strings.Lines(text) {
		if k, v, ok := strings.Cut(line, ":"); ok {
			f[strings.TrimSpace(k)] = strings.TrimSpace(v)
		}
	}
	var bad error
	c := Control{
		State:               f["Database cluster state"],
		SystemID:            f.number("Database system identifier", &bad),
		Checkpoint:          f.lsn("Latest checkpoint location", &bad),
		Redo:                f.lsn("Latest checkpoint's REDO location", &bad),
		Timeline:            uint32(f.number("Latest checkpoint's TimeLineID", &bad)),
		MinRecovery:         f.lsn("Minimum recovery ending location", &bad),
		MinRecoveryTimeline: uint32(f.number("Min recovery ending loc's timeline", &bad)),
		SegmentSize:         f.number("Bytes per WAL segment", &bad),
		Checksums:           f["Data page checksum version"] != "0",
		LogHints:            f["wal_log_hints setting"] == "on",
		Least:               map[string]int{},
	}
	for name, label := range leastLabels {
		c.Least[name] = int(f.number(label, &bad))
	}
	if bad == nil && c.SegmentSize == 0 {
		bad = errors.New("pg_control has no segment size")
	}
	return c, bad
}

var leastLabels = map[string]string{
	"max_connections":           "max_connections setting",
	"max_worker_processes":      "max_worker_processes setting",
	"max_wal_senders":           "max_wal_senders setting",
	"max_prepared_transactions": "max_prepared_xacts setting",
	"max_locks_per_transaction": "max_locks_per_xact setting",
}

type fields map[string]string

func (f fields) number(label string, bad *error) uint64 {
	n, err := strconv.ParseUint(f[label], 10, 64)
	if err != nil && *bad == nil {
		*bad = fmt.Errorf("pg_control: %s: %w", label, err)
	}
	return n
}

func (f fields) lsn(label string, bad *error) wal.LSN {
	l, err := wal.ParseLSN(f[label])
	if err != nil && *bad == nil {
		*bad = fmt.Errorf("pg_control: %s: %w", label, err)
	}
	return l
}
