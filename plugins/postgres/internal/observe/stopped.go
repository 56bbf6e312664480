// SPDX-License-Identifier: Apache-2.0

package observe

import (
	"context"
	"os"
	"path/filepath"
	"time"

	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"

	"github.com/pgvigil/pgvigil/plugins/postgres/internal/config"
	"github.com/pgvigil/pgvigil/plugins/postgres/internal/datadir"
	"github.com/pgvigil/pgvigil/plugins/postgres/internal/launch"
	"github.com/pgvigil/pgvigil/plugins/postgres/internal/proc"
)

// stopped remembers what was read from the files of a data directory, as long as they are the same.
type stopped struct {
	dir      string
	modified time.Time
	info     os.FileInfo
	control  datadir.Control
	err      error
	end      datadir.End
	endKnown bool

	bin     string
	version uint32
}

// unknown is the picture when not even the processes can be told.
func unknown(c *config.Config, err error) *pluginv1.ObserveResponse {
	return &pluginv1.ObserveResponse{
		Status: pluginv1.Status_STATUS_UNUSABLE, Role: pluginv1.Role_ROLE_UNKNOWN, Message: err.Error(), DataDir: c.DataDir,
	}
}

// stoppedPicture tells what lies in the data directory while no server runs.
func (o *Observer) stoppedPicture(ctx context.Context, c *config.Config) *pluginv1.ObserveResponse {
	out := &pluginv1.ObserveResponse{Role: pluginv1.Role_ROLE_UNKNOWN, DataDir: c.DataDir, ServerVersion: o.version(ctx, c)}
	left, unproven := proc.Occupants(c.DataDir)
	out.Empty = len(left) == 0 && unproven == nil
	absent, err := datadir.Absent(c.DataDir)
	if absent {
		o.stopped.dir = ""
		out.Status, out.Message = pluginv1.Status_STATUS_ABSENT, o.stoppedMessage(c, pluginv1.Status_STATUS_STOPPED)
		return out
	}
	if err == nil {
		err = datadir.Usable(c.DataDir, int(out.ServerVersion/10000), c.OS)
	}
	if err == nil {
		err = o.stopped.read(ctx, c)
	}
	if err != nil {
		out.Status, out.Message = pluginv1.Status_STATUS_UNUSABLE, err.Error()
		return out
	}
	o.describe(out, c)
	if unproven != nil {
		out.Message = unproven.Error()
	}
	return out
}

// describe puts in what pg_control and the log say.
func (o *Observer) describe(out *pluginv1.ObserveResponse, c *config.Config) {
	k := &o.stopped.control
	out.Status, out.Role = pluginv1.Status_STATUS_CRASHED, pluginv1.Role_ROLE_PRIMARY
	untouched := datadir.Untouched(c)
	if k.Clean() || untouched {
		out.Status = pluginv1.Status_STATUS_STOPPED
	}
	if k.WasStandby() || untouched {
		out.Role = pluginv1.Role_ROLE_STANDBY
	}
	out.SystemIdentifier, out.Timeline = k.SystemID, k.LastTimeline()
	out.Message = o.stoppedMessage(c, out.GetStatus())
	if broken, half := o.source.Broken(); broken != "" {
		out.Status, out.Message, out.HalfRewound = pluginv1.Status_STATUS_UNUSABLE, broken, half
		return
	}
	if !out.GetEmpty() {
		return
	}
	if end, err := o.stopped.findEnd(c, o.hints); err != nil {
		out.Message = err.Error()
	} else if end.LSN != 0 {
		out.Lsn, out.Timeline = uint64(end.LSN), max(end.Timeline, k.LastTimeline())
	}
}

func (o *Observer) stoppedMessage(c *config.Config, status pluginv1.Status) string {
	if full := fullDisk(c); full != "" {
		return full
	}
	trouble, logStart := o.source.Trouble()
	if trouble != "" || status == pluginv1.Status_STATUS_STOPPED {
		return trouble
	}
	return launch.LastFatal(c.LogFile, logStart)
}

// read reads pg_control when it is not what was read last.
func (s *stopped) read(ctx context.Context, c *config.Config) error {
	info, err := os.Stat(filepath.Join(c.DataDir, "global", "pg_control"))
	if err != nil {
		return err
	}
	if s.dir == c.DataDir && s.err == nil && os.SameFile(info, s.info) && info.ModTime().Equal(s.modified) {
		return nil
	}
	k, err := datadir.ReadControl(ctx, c, c.DataDir)
	bin, version := s.bin, s.version
	*s = stopped{dir: c.DataDir, modified: info.ModTime(), info: info, control: k, err: err, bin: bin, version: version}
	return err
}

// findEnd finds the end of the log once.
func (s *stopped) findEnd(c *config.Config, h hints) (datadir.End, error) {
	if s.endKnown {
		return s.end, nil
	}
	end, err := datadir.FindEnd(c.DataDir, s.control, h.newest, h.earlier)
	if err == nil {
		s.end, s.endKnown = end, true
	}
	return end, err
}

// systemID is the system identifier of the cluster, read once per data directory.
func (o *Observer) systemID(c *config.Config) uint64 {
	if o.stopped.dir != c.DataDir {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if o.stopped.read(ctx, c) != nil {
			return 0
		}
	}
	return o.stopped.control.SystemID
}

// version is that of the programs, asked once per directory of programs.
func (o *Observer) version(ctx context.Context, c *config.Config) uint32 {
	if o.stopped.bin == c.BinDir && o.stopped.version != 0 {
		return o.stopped.version
	}
	v, err := datadir.ProgramVersion(ctx, c)
	if err != nil {
		return 0
	}
	o.stopped.bin, o.stopped.version = c.BinDir, v
	return v
}
