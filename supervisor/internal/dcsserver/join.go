// SPDX-License-Identifier: Apache-2.0

package dcsserver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"
	"go.uber.org/zap"
)

// ErrAlreadyRuns says that this member serves already, from another data directory.
var ErrAlreadyRuns = errors.New("etcd member runs already")

const (
	// replaceTimeout bounds the taking of an old place; etcd refuses changes of its membership for some
	// seconds after one of its members was restarted.
	replaceTimeout = time.Minute
	replacePause   = 500 * time.Millisecond
	questionLimit  = 2 * time.Second
)

// join decides how a member without data starts. When the cluster runs and knows the member, its data was
// lost, and it must not come back under its old identity, because it has forgotten what it acknowledged: it
// takes its old place as a new member.
func join(ctx context.Context, c Config, cfg *embed.Config, log *slog.Logger) error {
	switch standing(c, askPeers(ctx, c)) {
	case founder:
		return nil
	case lost, absent, admitted:
		log.Warn("etcd member has no data, but its cluster runs: joining as a new member", "member", c.Name)
	}
	members, err := takePlace(ctx, c)
	if err != nil {
		return fmt.Errorf("joining the running etcd cluster as %s: %w", c.Name, err)
	}
	cfg.ClusterState = embed.ClusterStateFlagExisting
	cfg.InitialCluster = initialCluster(members)
	return nil
}

// takePlace makes this member a new one of the running cluster and returns the peer URLs of all by name.
func takePlace(ctx context.Context, c Config) (map[string]string, error) {
	ctx, cancel := context.WithTimeout(ctx, replaceTimeout)
	defer cancel()
	client, err := othersClient(c)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	for {
		members, err := tryPlace(ctx, client, c)
		if err == nil || errors.Is(err, ErrAlreadyRuns) {
			return members, err
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("%w (a majority of the other members must be up)", err)
		case <-time.After(replacePause):
		}
	}
}

// tryPlace does what is still to be done: remove the old member, add the new one.
func tryPlace(ctx context.Context, client *clientv3.Client, c Config) (map[string]string, error) {
	list, err := client.MemberList(ctx)
	if err != nil {
		return nil, fmt.Errorf("list of members: %w", err)
	}
	old := ownEntry(c, list.Members)
	if old != nil && len(old.ClientURLs) == 0 && old.Name == "" {
		return peerURLs(c, list.Members), nil // added by an earlier try, and never started
	}
	if old != nil {
		if err := remove(ctx, client, old); err != nil {
			return nil, err
		}
	}
	added, err := client.MemberAdd(ctx, []string{c.Members[c.Name]})
	if err != nil {
		return nil, fmt.Errorf("addition of the member: %w", err)
	}
	return peerURLs(c, added.Members), nil
}

func remove(ctx context.Context, client *clientv3.Client, old *pb.Member) error {
	for _, url := range old.ClientURLs {
		asked, cancel := context.WithTimeout(ctx, questionLimit)
		st, err := client.Status(asked, url)
		cancel()
		if err == nil && st.Header.MemberId == old.ID {
			return fmt.Errorf("%w: %s answers at %s", ErrAlreadyRuns, old.Name, url)
		}
	}
	_, err := client.MemberRemove(ctx, old.ID)
	if err != nil && !errors.Is(err, rpctypes.ErrMemberNotFound) {
		return fmt.Errorf("removal of the old member: %w", err)
	}
	return nil
}

// ownEntry finds this member by its peer URL, or by its name if it has moved.
func ownEntry(c Config, members []*pb.Member) *pb.Member {
	for _, m := range members {
		if m.Name == c.Name || slices.Contains(m.PeerURLs, c.Members[c.Name]) {
			return m
		}
	}
	return nil
}

// peerURLs names every member; the one without a name, just added, is this one.
func peerURLs(c Config, members []*pb.Member) map[string]string {
	urls := make(map[string]string, len(members))
	for _, m := range members {
		name := m.Name
		if slices.Contains(m.PeerURLs, c.Members[c.Name]) {
			name = c.Name
		}
		urls[name] = m.PeerURLs[0]
	}
	return urls
}

// othersClient is a client of all other members.
func othersClient(c Config) (*clientv3.Client, error) {
	cfg := clientv3.Config{Logger: zap.NewNop(), DialTimeout: questionLimit}
	for name := range c.Members {
		if name != c.Name {
			u := c.clientURL(name)
			cfg.Endpoints = append(cfg.Endpoints, u.String())
		}
	}
	if c.ClientTLS != nil {
		info := c.ClientTLS.info()
		tls, err := info.ClientConfig()
		if err != nil {
			return nil, fmt.Errorf("client certificate: %w", err)
		}
		cfg.TLS = tls
	}
	return clientv3.New(cfg)
}

func initialCluster(members map[string]string) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(members)) {
		parts = append(parts, name+"="+members[name])
	}
	return strings.Join(parts, ",")
}
