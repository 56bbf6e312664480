// SPDX-License-Identifier: Apache-2.0

package observe

import (
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"

	"github.com/pgvigil/pgvigil/plugins/postgres/internal/conf"
	"github.com/pgvigil/pgvigil/plugins/postgres/internal/config"
	"github.com/pgvigil/pgvigil/plugins/postgres/internal/wal"
)

// picture publishes what is known of the running server.
func (o *Observer) picture(began moment) {
	c, s := o.source.Config(), &o.seen
	if c == nil || s.server.PID == 0 {
		return
	}
	out := &pluginv1.ObserveResponse{
		Status: s.judge(), Role: pluginv1.Role_ROLE_UNKNOWN, DataDir: c.DataDir,
		PostmasterPid: int32(s.server.PID), PostmasterStartUnix: s.server.StartUnix,
		Launched: s.launched, PendingRestart: s.pendingRestart(c), SystemIdentifier: o.systemID(c),
	}
	if s.answer != nil {
		o.fill(out, c, s.answer)
	}
	out.Message = o.runningMessage(c, out.GetStatus())
	o.publishAt(out, began)
}

// publishAt notes since when the status has been what it is, and publishes.
func (o *Observer) publishAt(out *pluginv1.ObserveResponse, began moment) {
	if out.GetStatus() != o.seen.status {
		o.seen.status, o.seen.statusSince = out.GetStatus(), time.Now()
	}
	o.publish(out, began)
}

// fill puts in what the server said last.
func (o *Observer) fill(out *pluginv1.ObserveResponse, c *config.Config, a *answer) {
	in := o.source.Intent()
	out.ServerVersion, out.SynchronousStandbyNames, out.Senders = a.version, a.syncNames, a.senders
	barrier, settled := o.source.Settled(o.seen.server, a.syncNames, o.seen.shown.Time)
	out.SyncSettled = settled && (a.recovering || barrier != 0)
	for _, name := range a.slots {
		if slices.Contains(in.Slots, name) {
			out.Slots = append(out.Slots, name)
		}
	}
	if !a.recovering {
		out.Role, out.Timeline, out.Lsn = pluginv1.Role_ROLE_PRIMARY, a.timeline, uint64(a.flush)
		out.Checkpointed = a.controlTimeline == a.timeline
		out.SyncBarrierLsn = uint64(barrier)
		return
	}
	out.Role, out.Timeline = pluginv1.Role_ROLE_STANDBY, o.standbyTimeline(c, a)
	out.ReceivedLsn, out.ReplayedLsn = uint64(a.received), uint64(a.replayed)
	out.Lsn = max(out.ReceivedLsn, out.ReplayedLsn)
	out.Receiver, out.Upstream = a.receiver, conf.Upstream(c, in, a.conninfo)
	out.Restores = a.restores
	out.ReplayPaused, out.ReplayedAtUnixNs = a.paused, a.replayedAt
}

// standbyTimeline is the timeline of the last log a standby has: what the receiver of this server's life
// last wrote, and without one the newest of the segment that holds the position: it may have come to another timeline
// and gone since the last look.
func (o *Observer) standbyTimeline(c *config.Config, a *answer) uint32 {
	if o.seen.receivedTLI == 0 || a.receiver == nil {
		o.seen.receivedTLI = max(o.seen.receivedTLI, wal.Newest(c.WAL(), max(a.received, a.replayed), o.stopped.control.SegmentSize))
	}
	return max(o.seen.receivedTLI, a.controlTimeline, a.minTimeline)
}

func (o *Observer) runningMessage(c *config.Config, status pluginv1.Status) string {
	if full := fullDisk(c); full != "" {
		return full
	}
	switch status {
	case pluginv1.Status_STATUS_HUNG:
		return fmt.Sprintf("no answer for %d s: %s", int(time.Since(o.seen.heard).Seconds()), o.seen.complaint)
	case pluginv1.Status_STATUS_RUNNING, pluginv1.Status_STATUS_STARTING:
		return o.seen.complaint
	}
	return ""
}

// fullDisk names a directory that has no room for another segment of log.
func fullDisk(c *config.Config) string {
	const least = 16 << 20
	for _, dir := range []string{c.DataDir, c.WAL(), filepath.Dir(c.DataDir)} {
		var st unix.Statfs_t
		if unix.Statfs(dir, &st) == nil && st.Bavail*uint64(st.Bsize) < least && st.Blocks > 0 {
			return "no space left on device: " + dir
		}
	}
	return ""
}
