// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"crypto/tls"
	"net"

	"google.golang.org/grpc/credentials"
)

// transportCredentials are what the connections to https endpoints are made with.
func transportCredentials(cfg *tls.Config) credentials.TransportCredentials {
	if cfg.ServerName == "" {
		return credentials.NewTLS(cfg)
	}
	return named{credentials.NewTLS(cfg), cfg.ServerName}
}

// named expects a certificate for the configured name. Left alone, grpc expects it for what the client
// library's resolver says, which is always the endpoint's host.
type named struct {
	credentials.TransportCredentials
	name string
}

// ClientHandshake implements credentials.TransportCredentials.
func (n named) ClientHandshake(ctx context.Context, _ string, conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	return n.TransportCredentials.ClientHandshake(ctx, n.name, conn)
}

// Clone implements credentials.TransportCredentials.
func (n named) Clone() credentials.TransportCredentials {
	return named{n.TransportCredentials.Clone(), n.name}
}
