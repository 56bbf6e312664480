// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"log/slog"

	"github.com/pgvigil/pgvigil/supervisor/internal/config"
	"github.com/pgvigil/pgvigil/supervisor/internal/dcsserver"
)

// serveDCS runs the member of the embedded etcd that the configuration describes.
func serveDCS(ctx context.Context, e *config.Embedded, log *slog.Logger) error {
	return dcsserver.Run(ctx, dcsserver.Config{
		Cluster: e.Cluster, Namespace: e.Namespace, Name: e.Name, DataDir: e.DataDir,
		ListenClient: e.ListenClient, ListenPeer: e.ListenPeer, Members: e.Members,
		Heartbeat: e.Heartbeat, Election: e.Election, QuotaBytes: e.QuotaBytes, CompactionRetention: e.CompactionRetention,
		ClientTLS: (*dcsserver.TLS)(e.ClientTLS), PeerTLS: (*dcsserver.TLS)(e.PeerTLS),
	}, log)
}
