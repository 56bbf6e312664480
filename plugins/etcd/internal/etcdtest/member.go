// SPDX-License-Identifier: Apache-2.0

// Package etcdtest runs real etcd clusters for tests. Every member is a process of its own, the test binary
// started again, so that it can be killed and frozen.
package etcdtest

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"testing"

	"go.etcd.io/etcd/server/v3/embed"
)

// memberEnv holds the settings of a member, as JSON; its presence makes a test binary one.
const memberEnv = "PGVIGIL_ETCDTEST_MEMBER"

// settings of one member process.
type settings struct {
	Name, Dir, Token string
	Client, Peer     string
	Initial          string
	TLS              *Certificates
}

// Main is the TestMain of packages that use this one.
func Main(m *testing.M) {
	raw := os.Getenv(memberEnv)
	if raw == "" {
		os.Exit(m.Run())
	}
	if err := serve(raw); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// serve runs a member until it is killed.
func serve(raw string) error {
	var s settings
	if err := json.Unmarshal([]byte(raw), &s); err != nil {
		return err
	}
	cfg, err := s.config()
	if err != nil {
		return err
	}
	e, err := embed.StartEtcd(cfg)
	if err != nil {
		return err
	}
	return <-e.Err()
}

func (s settings) config() (*embed.Config, error) {
	client, err := url.Parse(s.Client)
	if err != nil {
		return nil, err
	}
	peer, err := url.Parse(s.Peer)
	if err != nil {
		return nil, err
	}
	c := embed.NewConfig()
	c.Name, c.Dir = s.Name, s.Dir
	c.ListenClientUrls, c.AdvertiseClientUrls = []url.URL{*client}, []url.URL{*client}
	c.ListenPeerUrls, c.AdvertisePeerUrls = []url.URL{*peer}, []url.URL{*peer}
	c.InitialCluster, c.InitialClusterToken = s.Initial, s.Token
	c.TickMs, c.ElectionMs = 50, 500
	c.BcryptCost = 4       // as cheap as it gets: every connection of a test logs in
	c.UnsafeNoFsync = true // killed are processes here, not the kernel
	c.EnableGRPCGateway = false
	c.LogLevel, c.LogOutputs = "warn", []string{filepath.Join(s.Dir, "..", s.Name+".log")}
	if s.TLS != nil {
		c.ClientTLSInfo.CertFile, c.ClientTLSInfo.KeyFile = s.TLS.ServerCert, s.TLS.ServerKey
		c.ClientTLSInfo.TrustedCAFile, c.ClientTLSInfo.ClientCertAuth = s.TLS.CA, true
	}
	return c, nil
}
