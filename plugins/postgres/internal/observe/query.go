// SPDX-License-Identifier: Apache-2.0

package observe

import (
	"fmt"
	"strconv"

	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"

	"github.com/pgvigil/pgvigil/plugins/postgres/internal/session"
	"github.com/pgvigil/pgvigil/plugins/postgres/internal/wal"
)

// stateSQL asks for everything that may change from tick to tick, in one round trip: the state, the
// senders, the slots.
const stateSQL = `SELECT r,
 CASE WHEN r THEN NULL ELSE pg_current_wal_flush_lsn() END,
 CASE WHEN r THEN NULL ELSE pg_current_wal_insert_lsn() END,
 CASE WHEN r THEN NULL ELSE substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8) END,
 CASE WHEN r THEN pg_last_wal_receive_lsn() END,
 CASE WHEN r THEN pg_last_wal_replay_lsn() END,
 CASE WHEN r THEN pg_is_wal_replay_paused() END,
 CASE WHEN r THEN (extract(epoch FROM pg_last_xact_replay_timestamp()) * 1e9)::bigint END,
 current_setting('primary_conninfo'), current_setting('synchronous_standby_names'),
 (pg_control_checkpoint()).timeline_id, (pg_control_recovery()).min_recovery_end_timeline,
 w.pid, w.status, w.sender_host, w.sender_port,
 (extract(epoch FROM clock_timestamp() - w.last_msg_receipt_time) * 1e9)::bigint, w.slot_name, w.received_tli,
 (extract(epoch FROM w.last_msg_receipt_time) * 1e6)::bigint, w.latest_end_lsn,
 current_setting('restore_command') <> ''
FROM (SELECT pg_is_in_recovery() AS r) s LEFT JOIN pg_stat_get_wal_receiver() w ON w.pid IS NOT NULL;
SELECT application_name, state, sync_state, sent_lsn, write_lsn, flush_lsn, replay_lsn, pid FROM pg_stat_replication ORDER BY 1;
SELECT slot_name FROM pg_get_replication_slots() WHERE slot_type = 'physical' AND NOT temporary ORDER BY 1`

// pendingSQL asks for what changes rarely and costs more.
const pendingSQL = `SELECT name FROM pg_settings WHERE pending_restart ORDER BY 1`

// answer is what the server said.
type answer struct {
	recovering          bool
	flush, insert       wal.LSN
	timeline            uint32
	received, replayed  wal.LSN
	paused              bool
	replayedAt          int64
	conninfo, syncNames string
	restores            bool
	controlTimeline     uint32
	minTimeline         uint32
	receiverPID         int
	receivedTimeline    uint32
	receiver            *pluginv1.Receiver
	heardUnixUs         int64 // of the receiver's last message, on the wall clock
	senders             []*pluginv1.Sender
	senderPIDs          []int
	slots               []string
	version             uint32
}

func parseAnswer(sets []session.Rows) (*answer, error) {
	if len(sets) != 3 || len(sets[0]) != 1 || len(sets[0][0]) != 22 {
		return nil, fmt.Errorf("state query: unexpected shape of the answer")
	}
	p := parser{row: sets[0][0]}
	a := &answer{
		recovering: p.flag(0), flush: p.lsn(1), insert: p.lsn(2), timeline: uint32(p.number(3, 16)),
		received: p.lsn(4), replayed: p.lsn(5), paused: p.flag(6), replayedAt: p.number(7, 10),
		conninfo: p.row[8], syncNames: p.row[9], restores: p.flag(21),
		controlTimeline: uint32(p.number(10, 10)), minTimeline: uint32(p.number(11, 10)),
		receiverPID: int(p.number(12, 10)), receivedTimeline: uint32(p.number(18, 10)),
	}
	if a.receiverPID != 0 {
		a.receiver = &pluginv1.Receiver{
			Status: p.row[13], Host: p.row[14], Port: uint32(p.number(15, 10)),
			SilenceNs: p.number(16, 10), Slot: p.row[17], EndLsn: uint64(p.lsn(20)),
		}
		a.heardUnixUs = p.number(19, 10)
	}
	for _, row := range sets[1] {
		q := parser{row: row}
		a.senders = append(a.senders, &pluginv1.Sender{
			Member: row[0], State: row[1], SyncState: row[2], SentLsn: uint64(q.lsn(3)),
			WriteLsn: uint64(q.lsn(4)), FlushLsn: uint64(q.lsn(5)), ReplayLsn: uint64(q.lsn(6)),
		})
		a.senderPIDs = append(a.senderPIDs, int(q.number(7, 10)))
		p.join(q.err)
	}
	for _, row := range sets[2] {
		a.slots = append(a.slots, row[0])
	}
	return a, p.err
}

// parser reads cells, where the empty one is NULL and zero, and keeps the first error.
type parser struct {
	row []string
	err error
}

func (p *parser) join(err error) {
	if p.err == nil {
		p.err = err
	}
}

func (p *parser) flag(i int) bool { return p.row[i] == "t" }

func (p *parser) number(i, base int) int64 {
	if p.row[i] == "" {
		return 0
	}
	n, err := strconv.ParseInt(p.row[i], base, 64)
	p.join(err)
	return n
}

func (p *parser) lsn(i int) wal.LSN {
	if p.row[i] == "" {
		return 0
	}
	l, err := wal.ParseLSN(p.row[i])
	p.join(err)
	return l
}
