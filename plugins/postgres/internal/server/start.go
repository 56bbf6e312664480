// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/pgvigil/pgvigil/plugins/postgres/internal/conf"
	"github.com/pgvigil/pgvigil/plugins/postgres/internal/config"
	"github.com/pgvigil/pgvigil/plugins/postgres/internal/datadir"
	"github.com/pgvigil/pgvigil/plugins/postgres/internal/launch"
	"github.com/pgvigil/pgvigil/plugins/postgres/internal/proc"
	"github.com/pgvigil/pgvigil/plugins/postgres/internal/rewind"
	"github.com/pgvigil/pgvigil/plugins/postgres/internal/session"
	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
)

// Start implements the service. Cancelling it leaves a server that is starting alone: the next Start goes
// on waiting for it, and Stop ends it.
func (s *Server) Start(req *pluginv1.StartRequest, out stream) error {
	var upstream *conf.Peer
	if req.GetUpstream() != nil {
		p, err := peer(req.GetUpstream())
		if err != nil {
			return err
		}
		upstream = &p
	}
	return s.runLong(out, func(ctx context.Context, p *progress) error {
		if err := s.epochs.Admit(req.GetEpoch()); err != nil {
			return err
		}
		return s.start(ctx, s.current(), upstream, p)
	})
}

func (s *Server) start(ctx context.Context, c *config.Config, upstream *conf.Peer, p *progress) error {
	if c.StartTimeout > 0 {
		limited, cancel := context.WithTimeoutCause(ctx, c.StartTimeout, errStartTimeout)
		defer cancel()
		ctx = limited
	}
	_, running, err := datadir.FindPostmaster(c.DataDir)
	if err != nil {
		return err
	}
	if running {
		return s.join(ctx, c, upstream, p)
	}
	if err := s.prepare(ctx, c, upstream); err != nil {
		return err
	}
	err = s.launch(ctx, c, p)
	if err == nil {
		s.settledFromStart(ctx, c)
	}
	if errors.Is(err, errStartTimeout) {
		return errors.Join(err, launch.Stop(context.WithoutCancel(ctx), c, 0, func(phase string) { p.phase(phase, "") }))
	}
	return err
}

func (s *Server) launch(ctx context.Context, c *config.Config, p *progress) error {
	l, err := launch.Start(ctx, c)
	if err != nil {
		return s.notStarted(ctx, err)
	}
	s.setTrouble("", l.LogStart)
	return s.awaitReady(ctx, c, l, p)
}

// rehearse finds out, once for all starts to come, whether systemd starts PostgreSQL's unit where it is to.
func (s *Server) rehearse(ctx context.Context, c *config.Config) error {
	if !c.Managed || s.rehearsed {
		return nil
	}
	if err := launch.Rehearse(ctx, c); err != nil {
		return s.notStarted(ctx, err)
	}
	s.rehearsed = true
	return nil
}

// notStarted has the table of the members show why.
func (s *Server) notStarted(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		_, logStart := source{s}.Trouble()
		s.setTrouble("PostgreSQL was not started: "+err.Error(), logStart)
	}
	return err
}

// settledFromStart notes that a server that began with a synchronous_standby_names in its files has it everywhere. When
// that cannot be told, it is not noted.
func (s *Server) settledFromStart(ctx context.Context, c *config.Config) {
	changes := s.unsettle()
	i, err := open(ctx, c)
	if err != nil {
		return
	}
	defer i.Close()
	v, err := i.inForce(ctx)
	if err == nil && v.syncNames == (source{s}).Intent().SyncNames {
		err = s.settleHere(ctx, i, v.syncNames, changes)
	}
	if err != nil {
		s.log.Warn("synchronous_standby_names not known to be settled", "error", err)
	}
}

var errStartTimeout = errors.New("start took longer than start_timeout")

// join takes over a server that runs already.
func (s *Server) join(ctx context.Context, c *config.Config, upstream *conf.Peer, p *progress) error {
	if err := s.awaitReady(ctx, c, nil, p); err != nil {
		return err
	}
	return s.point(ctx, c, upstream)
}

// prepare makes sure that nothing runs and makes the data directory that of a standby.
func (s *Server) prepare(ctx context.Context, c *config.Config, upstream *conf.Peer) error {
	if err := s.startable(ctx, c); err != nil {
		return err
	}
	if err := s.rehearse(ctx, c); err != nil {
		return err
	}
	k, err := datadir.ReadControl(ctx, c, c.DataDir)
	if err != nil {
		return err
	}
	if err := datadir.RemoveStalePID(c.DataDir); err != nil {
		return err
	}
	if aside, err := datadir.SetLabelAside(c); err != nil {
		return err
	} else if aside {
		s.log.Warn("backup_label of a former primary moved aside", "data_dir", c.DataDir)
	}
	if err := removeReservations(c, k.LastTimeline()); err != nil {
		return err
	}
	if err := conf.SetStandby(c, c.DataDir); err != nil {
		return err
	}
	_, err = s.change(c, func(in *conf.Intent) {
		in.Upstream, in.SyncNames, in.Raised, in.Elsewhere = upstream, "", raised(c, k), false
	})
	return err
}

func (s *Server) startable(ctx context.Context, c *config.Config) error {
	if absent, err := datadir.Absent(c.DataDir); err != nil || absent {
		return refused("there is no data directory %s", c.DataDir)
	}
	version, err := datadir.ProgramVersion(ctx, c)
	if err != nil {
		return err
	}
	if err := datadir.Usable(c.DataDir, int(version/10000), c.OS); err != nil {
		return err
	}
	if broken, err := datadir.Rewinding.On(c); err != nil || broken {
		return refused("%s", rewind.Interrupted)
	}
	if err := launcherGone(ctx, c); err != nil {
		return err
	}
	return nobodyHome(c)
}

// launcherGone gives the launcher of a server that has just ended a moment to end, too.
func launcherGone(ctx context.Context, c *config.Config) error {
	ctx, cancel := context.WithTimeoutCause(ctx, 2*time.Second, refused("a launcher is still there"))
	defer cancel()
	return poll(ctx, 10*time.Millisecond, func() (bool, error) {
		_, there := launch.ReadStatus(c.DaemonRunDir)
		return !there, nil
	})
}

// raised are the settings that pg_control says must be greater than configured.
func raised(c *config.Config, k datadir.Control) map[string]int {
	out := map[string]int{}
	for name, least := range k.Least {
		configured := builtin[name]
		if n, err := strconv.Atoi(c.Parameters[name]); err == nil {
			configured = n
		}
		if least > configured {
			out[name] = least
		}
	}
	return out
}

// builtin are PostgreSQL's own defaults.
var builtin = map[string]int{
	"max_connections": 100, "max_worker_processes": 8, "max_wal_senders": 10,
	"max_prepared_transactions": 0, "max_locks_per_transaction": 64,
}

// awaitReady waits until the server accepts read-only connections. postmaster.pid tells cheaply when that
// is; the connection proves it. l is nil for a server this process did not start.
func (s *Server) awaitReady(ctx context.Context, c *config.Config, l *launch.Launched, p *progress) error {
	began := time.Now()
	for {
		m, running, err := datadir.FindPostmaster(c.DataDir)
		if err != nil {
			return err
		}
		if running && (m.Status == "standby" || m.Status == "ready") {
			if done, err := answers(ctx, c, m); done || err != nil {
				return err
			}
		}
		if running && time.Since(began) > time.Second {
			p.phase("recovering", recoveryTitle(m.PID))
		}
		if !running && l == nil {
			return refused("PostgreSQL ended while it was starting")
		}
		if err := s.pause(ctx, l, time.Since(began)); err != nil {
			return err
		}
	}
}

// pause waits for the next look; an error tells that the launcher has ended.
func (s *Server) pause(ctx context.Context, l *launch.Launched, waited time.Duration) error {
	var ended <-chan struct{}
	if l != nil {
		ended = l.Done
	}
	select {
	case <-ended:
		return s.startFailed(l)
	case <-time.After(min(500*time.Millisecond, max(5*time.Millisecond, waited/20))):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (s *Server) startFailed(l *launch.Launched) error {
	why := launch.LastFatal(s.current().LogFile, l.LogStart)
	if why == "" {
		why = "no reason found in " + s.current().LogFile
	}
	s.setTrouble("PostgreSQL did not start: "+why, l.LogStart)
	if astray(why) {
		return status.Errorf(codes.OutOfRange, "PostgreSQL did not start: %s", why)
	}
	return refused("PostgreSQL did not start: %s", why)
}

// astray tells whether the server refused to start because its data do not fit the history it is to follow, which
// starting again cannot change.
func astray(why string) bool {
	return strings.Contains(why, "does not contain minimum recovery point") || strings.Contains(why, "is not a child of this server's history")
}

// answers tells whether the server accepts a connection.
func answers(ctx context.Context, c *config.Config, m datadir.Postmaster) (bool, error) {
	short, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	conn, err := session.Local(short, c, m.Address, time.Second)
	if err == nil {
		conn.Close()
		return true, nil
	}
	if _, wait := session.NotReady(err); wait || ctx.Err() != nil {
		return false, nil
	}
	if _, _, ok := session.Answer(err); ok {
		return false, err
	}
	return false, nil
}

// recoveryTitle is the title of the startup process, which names the segment it is at.
func recoveryTitle(postmaster int) string {
	children, err := proc.Children(postmaster)
	if err != nil {
		return ""
	}
	for _, pid := range children {
		raw, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "cmdline"))
		title := strings.TrimRight(string(raw), "\x00 ")
		if _, what, ok := strings.Cut(title, "startup "); err == nil && ok {
			return strings.TrimSpace(what)
		}
	}
	return ""
}
