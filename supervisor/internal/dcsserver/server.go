// SPDX-License-Identifier: Apache-2.0

package dcsserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"sync/atomic"
	"time"

	"go.etcd.io/etcd/client/pkg/v3/transport"
	"go.etcd.io/etcd/server/v3/embed"
	"go.uber.org/zap"
	"google.golang.org/grpc/grpclog"
)

// clientsGrace is how long a member that has stopped waits for its clients to go.
const clientsGrace = 500 * time.Millisecond

// Run runs the member until the context ends, then hands the etcd leadership over and stops. A member with
// data goes on where it was; one without joins the running cluster in its old place if there is one, and
// helps to found it otherwise. The error is nil after a stop that was asked for.
func Run(ctx context.Context, c Config, log *slog.Logger) error {
	if err := c.Validate(); err != nil {
		return fmt.Errorf("embedded etcd: %w", err)
	}
	c = c.withDefaults()
	hasData, err := claim(c)
	if err != nil {
		return err
	}
	var stopping atomic.Bool
	cfg := embedConfig(c, zapLogger(log, &stopping))
	if !hasData {
		if err := join(ctx, c, cfg, log); err != nil {
			return err
		}
	}
	grpclog.SetLoggerV2(grpclog.NewLoggerV2(io.Discard, io.Discard, io.Discard)) // what matters, etcd logs
	return run(ctx, c, cfg, log, &stopping)
}

func run(ctx context.Context, c Config, cfg *embed.Config, log *slog.Logger, stopping *atomic.Bool) error {
	log.Info("starting etcd member", "member", c.Name, "listen_client", c.ListenClient, "listen_peer", c.ListenPeer, "state", cfg.ClusterState)
	e, err := embed.StartEtcd(cfg)
	if err != nil {
		return fmt.Errorf("etcd member: %w", err)
	}
	defer func() {
		stopping.Store(true)
		stop(e)
	}()
	ready := e.Server.ReadyNotify()
	for {
		select {
		case <-ready:
			ready = nil
			log.Info("etcd member ready", "member", c.Name, "member_id", e.Server.MemberID().String())
			if c.Ready != nil {
				c.Ready()
			}
		case <-ctx.Done():
			log.Info("stopping etcd member", "member", c.Name)
			return nil
		case err := <-e.Err():
			return fmt.Errorf("etcd member: %w", err)
		case <-e.Server.StopNotify():
			return errors.New("etcd member stopped, was it removed from the etcd cluster?")
		}
	}
}

// stop hands the leadership over, ends the member and then, for a moment only, waits for its clients: etcd would
// wait several seconds for watches to end, with the leadership still in hand.
func stop(e *embed.Etcd) {
	e.Server.Stop()
	closed := make(chan struct{})
	go func() {
		e.Close()
		close(closed)
	}()
	select {
	case <-closed:
	case <-time.After(clientsGrace):
	}
}

// embedConfig translates the settings; state and initial cluster are those of a new cluster.
func embedConfig(c Config, log *zap.Logger) *embed.Config {
	cfg := embed.NewConfig()
	cfg.Name, cfg.Dir = c.Name, c.DataDir
	cfg.ListenClientUrls, cfg.AdvertiseClientUrls = []url.URL{mustParse(c.ListenClient)}, []url.URL{c.clientURL(c.Name)}
	cfg.ListenPeerUrls, cfg.AdvertisePeerUrls = []url.URL{mustParse(c.ListenPeer)}, []url.URL{mustParse(c.Members[c.Name])}
	cfg.InitialCluster, cfg.InitialClusterToken = initialCluster(c.Members), c.token()
	cfg.TickMs, cfg.ElectionMs = uint(c.Heartbeat.Milliseconds()), uint(c.Election.Milliseconds())
	cfg.QuotaBackendBytes = c.QuotaBytes
	cfg.AutoCompactionMode, cfg.AutoCompactionRetention = embed.CompactorModePeriodic, c.CompactionRetention.String()
	cfg.StrictReconfigCheck, cfg.PreVote = true, true
	cfg.EnableGRPCGateway = false
	cfg.ClientTLSInfo, cfg.PeerTLSInfo = c.ClientTLS.info(), c.PeerTLS.info()
	cfg.ZapLoggerBuilder = embed.NewZapLoggerBuilder(log)
	// A few small writes a second: keep fewer old entries in memory than for thousands.
	cfg.SnapshotCount, cfg.SnapshotCatchUpEntries = 5000, 1000
	return cfg
}

func (t *TLS) info() transport.TLSInfo {
	if t == nil {
		return transport.TLSInfo{}
	}
	return transport.TLSInfo{
		CertFile: t.CertFile, KeyFile: t.KeyFile,
		TrustedCAFile: t.CAFile, ClientCertAuth: t.CAFile != "",
	}
}
