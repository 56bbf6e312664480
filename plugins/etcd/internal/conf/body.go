// SPDX-License-Identifier: Apache-2.0

package conf

import (
	"fmt"
	"maps"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/pgvigil/pgvigil/plugins/etcd/internal/store"
	"github.com/pgvigil/pgvigil/plugins/sdk"
)

// Body is the decoded block; its members are described in the schema.
type Body struct {
	Endpoints        []string      `json:"endpoints"`
	Username         string        `json:"username"`
	Password         string        `json:"password"`
	PasswordFile     string        `json:"password_file"`
	DialTimeout      time.Duration `json:"dial_timeout"`
	RequestTimeout   time.Duration `json:"request_timeout"`
	KeepAlive        time.Duration `json:"keepalive"`
	KeepAliveTimeout time.Duration `json:"keepalive_timeout"`
	TLS              *TLS          `json:"tls"`
	Embedded         *Embedded     `json:"embedded"`
}

// TLS is the tls or peer_tls block.
type TLS struct {
	CAFile             string `json:"ca_file"`
	CertFile           string `json:"cert_file"`
	KeyFile            string `json:"key_file"`
	ServerName         string `json:"server_name"`
	InsecureSkipVerify bool   `json:"insecure_skip_verify"`
}

// Embedded is the embedded block. The member itself is not run by the plugin; it only finds it from here.
type Embedded struct {
	Name         string            `json:"name"`
	DataDir      string            `json:"data_dir"`
	ListenClient string            `json:"listen_client"`
	ListenPeer   string            `json:"listen_peer"`
	Members      map[string]string `json:"members"`
	Heartbeat    time.Duration     `json:"heartbeat"`
	Election     time.Duration     `json:"election"`
	Quota        int64             `json:"quota"`
	Compaction   time.Duration     `json:"auto_compaction"`
	PeerTLS      *TLS              `json:"peer_tls"`
}

// Decode reads a body and fills in the defaults of what was left out.
func Decode(c sdk.Config) (Body, error) {
	b := Body{
		DialTimeout:      defaultDialTimeout,
		RequestTimeout:   defaultRequestTimeout,
		KeepAlive:        defaultKeepAlive,
		KeepAliveTimeout: defaultKeepAliveTimeout,
	}
	if err := c.Decode(&b); err != nil {
		return Body{}, fmt.Errorf("body of dcs %q: %w", "etcd", err)
	}
	if b.Embedded != nil {
		b.Embedded.fill(c.Host.GetMember())
	}
	if len(b.Endpoints) == 0 && b.Embedded != nil {
		b.Endpoints = b.Embedded.endpoints()
	}
	return b, nil
}

func (e *Embedded) fill(member string) {
	if e.Name == "" {
		e.Name = member
	}
	if e.Heartbeat == 0 {
		e.Heartbeat = defaultHeartbeat
	}
	if e.Election == 0 {
		e.Election = defaultElection
	}
}

// endpoints are the members' client URLs: the hosts of their peer URLs with the port of listen_client. What
// cannot be parsed is left out, and is for Validate to complain about.
func (e *Embedded) endpoints() []string {
	client, err := url.Parse(e.ListenClient)
	if err != nil {
		return nil
	}
	var urls []string
	for _, name := range slices.Sorted(maps.Keys(e.Members)) {
		if peer, err := url.Parse(e.Members[name]); err == nil {
			urls = append(urls, client.Scheme+"://"+net.JoinHostPort(peer.Hostname(), client.Port()))
		}
	}
	return urls
}

// Store makes what the store is opened with; it reads the files.
func (b Body) Store() (store.Config, error) {
	password, err := b.password()
	if err != nil {
		return store.Config{}, err
	}
	tlsConfig, err := b.TLS.config()
	if err != nil {
		return store.Config{}, err
	}
	return store.Config{
		Endpoints:        b.Endpoints,
		Username:         b.Username,
		Password:         password,
		TLS:              tlsConfig,
		DialTimeout:      b.DialTimeout,
		RequestTimeout:   b.RequestTimeout,
		KeepAlive:        b.KeepAlive,
		KeepAliveTimeout: b.KeepAliveTimeout,
	}, nil
}

func (b Body) password() (string, error) {
	if b.PasswordFile == "" {
		return b.Password, nil
	}
	raw, err := os.ReadFile(b.PasswordFile)
	if err != nil {
		return "", fmt.Errorf("password file: %w", err)
	}
	return strings.TrimRight(string(raw), "\r\n"), nil
}
