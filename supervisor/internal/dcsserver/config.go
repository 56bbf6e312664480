// SPDX-License-Identifier: Apache-2.0

// Package dcsserver runs a member of an etcd cluster of pgvigil's own, as the main job of a process of its
// own: it must survive restarts of the supervisor.
package dcsserver

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"time"
)

// Config describes a member. Zero values of what is optional stand for the defaults named.
type Config struct {
	// Cluster and Namespace are the supervisor's; together they keep two clusters on one network apart.
	Cluster, Namespace string
	// Name of this member, a key of Members.
	Name string
	// DataDir is absolute; it is made if absent, with mode 0700.
	DataDir string
	// ListenClient and ListenPeer are URLs to listen on, such as http://10.0.0.1:2379.
	ListenClient, ListenPeer string
	// Members are the peer URLs of all members by name, one to five, the same on every host.
	Members map[string]string
	// Heartbeat is the time between two heartbeats of the etcd leader; 50 ms by default.
	Heartbeat time.Duration
	// Election is its silence after which another is elected; 500 ms by default, at least 5 heartbeats.
	Election time.Duration
	// QuotaBytes bounds the database; 512 MiB by default.
	QuotaBytes int64
	// CompactionRetention is how long old revisions are kept; an hour by default.
	CompactionRetention time.Duration
	// ClientTLS and PeerTLS are for https URLs, and nil for http.
	ClientTLS, PeerTLS *TLS
	// Ready, if set, is called once, when the member serves.
	Ready func() `json:"-"`
}

// TLS names PEM files. With CAFile the other side must show a certificate of one of its authorities.
type TLS struct {
	CertFile, KeyFile, CAFile string
}

const (
	defaultHeartbeat = 50 * time.Millisecond
	defaultElection  = 500 * time.Millisecond
	defaultQuota     = 512 << 20
	defaultRetention = time.Hour
)

func (c Config) withDefaults() Config {
	if c.Heartbeat == 0 {
		c.Heartbeat = defaultHeartbeat
	}
	if c.Election == 0 {
		c.Election = defaultElection
	}
	if c.QuotaBytes == 0 {
		c.QuotaBytes = defaultQuota
	}
	if c.CompactionRetention == 0 {
		c.CompactionRetention = defaultRetention
	}
	return c
}

// Validate tells everything that is wrong with the settings, without touching anything.
func (c Config) Validate() error {
	c = c.withDefaults()
	var all []error
	if c.Cluster == "" {
		all = append(all, errors.New("cluster has no name"))
	}
	if !filepath.IsAbs(c.DataDir) {
		all = append(all, fmt.Errorf("data directory %q: not an absolute path", c.DataDir))
	}
	if n := len(c.Members); n < 1 || n > 5 {
		all = append(all, fmt.Errorf("%d members: not one to five", n))
	}
	if _, ok := c.Members[c.Name]; !ok {
		all = append(all, fmt.Errorf("name %q: not among the members", c.Name))
	}
	if c.Election < 5*c.Heartbeat {
		all = append(all, fmt.Errorf("election %s: less than five heartbeats of %s", c.Election, c.Heartbeat))
	}
	return errors.Join(append(all, c.validateURLs())...)
}

func (c Config) validateURLs() error {
	all := []error{
		checkURL("listen_client", c.ListenClient, c.ClientTLS),
		checkURL("listen_peer", c.ListenPeer, c.PeerTLS),
	}
	for name, peer := range c.Members {
		all = append(all, checkURL("member "+name, peer, c.PeerTLS))
	}
	return errors.Join(all...)
}

// checkURL wants scheme, host and port, and a certificate exactly if the scheme is https.
func checkURL(what, raw string, tls *TLS) error {
	u, err := url.Parse(raw)
	if err != nil || u.Hostname() == "" || u.Port() == "" {
		return fmt.Errorf("%s %q: not a URL with scheme, host and port", what, raw)
	}
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return fmt.Errorf("%s %q: scheme is neither http nor https", what, raw)
	case u.Scheme == "https" && tls == nil:
		return fmt.Errorf("%s %q: https without a certificate", what, raw)
	case u.Scheme == "http" && tls != nil:
		return fmt.Errorf("%s %q: http with a certificate", what, raw)
	}
	return nil
}

// token names the etcd cluster; members that were set up with another one do not join.
func (c Config) token() string { return "pgvigil:" + c.Namespace + "/" + c.Cluster }

// clientURL is where clients reach a member: the host of its peer URL, with scheme and port of our listener.
// All URLs have been validated.
func (c Config) clientURL(member string) url.URL {
	listen, peer := mustParse(c.ListenClient), mustParse(c.Members[member])
	return url.URL{Scheme: listen.Scheme, Host: net.JoinHostPort(peer.Hostname(), listen.Port())}
}

// mustParse is for URLs that Validate has seen.
func mustParse(raw string) url.URL {
	u, err := url.Parse(raw)
	if err != nil {
		panic(fmt.Sprintf("URL %q was validated: %v", raw, err))
	}
	return *u
}
