// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Report is what became of the writes.
type Report struct {
	Totals
	// Missing writes were acknowledged on the line of history that survived, and are not there: data loss that
	// nothing excuses.
	Missing []Entry
	// Discarded writes were acknowledged on a line of history that was abandoned: the price of asynchronous
	// replication when a primary is lost.
	Discarded []Entry
	// UnknownPresent counts writes of unknown outcome that are there.
	UnknownPresent int
	// Phantom rows were never sent, or are there although the server said that they failed.
	Phantom []string
}

// Lost is how many acknowledged writes are gone, for whatever reason.
func (r Report) Lost() int { return len(r.Missing) + len(r.Discarded) }

func (r Report) String() string {
	return fmt.Sprintf("%d acknowledged, %d missing, %d discarded with an abandoned timeline; %d unknown, %d of them there; %d failed; %d phantoms",
		r.Acknowledged, len(r.Missing), len(r.Discarded), r.Unknown, r.UnknownPresent, r.Failed, len(r.Phantom))
}

// Verify compares the ledger with the rows on the surviving primary. The writer must be stopped. The role of the
// connection must be allowed to read the primary's timeline history (superuser).
func (l *Ledger) Verify(ctx context.Context, primary *pgx.Conn) (Report, error) {
	line, err := readHistory(ctx, primary)
	if err != nil {
		return Report{}, fmt.Errorf("timeline history of the primary: %w", err)
	}
	rows, err := readRows(ctx, primary)
	if err != nil {
		return Report{}, fmt.Errorf("rows of the primary: %w", err)
	}
	report := Report{Totals: l.Totals()}
	for _, entries := range l.snapshot() {
		report.account(entries, rows, line)
	}
	for left := range rows {
		report.Phantom = append(report.Phantom, fmt.Sprintf("%d/%d", left.client, left.seq))
	}
	return report, nil
}

// account ticks off the entries of one client; what it finds is deleted from rows.
func (r *Report) account(entries []Entry, rows map[key]bool, line history) {
	for i, entry := range entries {
		name := key{entry.Client, entry.Seq}
		present := rows[name]
		delete(rows, name)
		switch {
		case present && entry.Outcome == Failed:
			r.Phantom = append(r.Phantom, entry.String()+" (said to have failed)")
		case present && entry.Outcome == Unknown:
			r.UnknownPresent++
		case !present && entry.Outcome == Acknowledged && line.holds(entry, entries[i+1:]):
			r.Missing = append(r.Missing, entry)
		case !present && entry.Outcome == Acknowledged:
			r.Discarded = append(r.Discarded, entry)
		}
	}
}

type key struct {
	client int
	seq    int64
}

func readRows(ctx context.Context, conn *pgx.Conn) (map[key]bool, error) {
	rows, err := conn.Query(ctx, "select client, seq from "+Table)
	if err != nil {
		return nil, err
	}
	found := make(map[key]bool)
	for rows.Next() {
		var k key
		if err := rows.Scan(&k.client, &k.seq); err != nil {
			return nil, err
		}
		found[k] = true
	}
	return found, rows.Err()
}

// history is the line of timelines that led to a primary: where each older one was left, and the newest.
type history struct {
	left    map[uint32]uint64
	current uint32
}

// holds tells whether the line certainly holds the commit of an acknowledged write. Only where its insert was made is
// known; its commit lies between that and the same client's next insert, which was sent after the acknowledgement.
func (h history) holds(e Entry, later []Entry) bool {
	if e.Timeline == h.current {
		return true
	}
	end, ok := h.left[e.Timeline]
	if !ok {
		return false
	}
	for _, next := range later {
		if next.Outcome == Acknowledged {
			return next.Timeline == e.Timeline && next.LSN <= end
		}
	}
	return false
}

func readHistory(ctx context.Context, conn *pgx.Conn) (history, error) {
	h := history{left: make(map[uint32]uint64)}
	var file string
	if err := conn.QueryRow(ctx, "select pg_walfile_name(pg_current_wal_insert_lsn())").Scan(&file); err != nil {
		return h, err
	}
	h.current, _ = position(file, "0/0")
	if h.current <= 1 {
		return h, nil
	}
	var text string
	err := conn.QueryRow(ctx, "select pg_read_file($1)", fmt.Sprintf("pg_wal/%08X.history", h.current)).Scan(&text)
	if err != nil {
		return h, err
	}
	return h, h.parse(text)
}

// parse reads a timeline history file: lines of timeline, position where it was left, and reason.
func (h history) parse(text string) error {
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) < 2 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		timeline, err := strconv.ParseUint(fields[0], 10, 32)
		if err != nil {
			return fmt.Errorf("history line %q: %w", line, err)
		}
		if h.left[uint32(timeline)], err = parseLSN(fields[1]); err != nil {
			return fmt.Errorf("history line %q: %w", line, err)
		}
	}
	return nil
}
