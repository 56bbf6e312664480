// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc"
)

// EtcdLeader returns the node whose etcd leads the others.
func (c *Cluster) EtcdLeader(ctx context.Context) (*Node, error) {
	for _, n := range c.Nodes {
		leads, err := n.leadsEtcd(ctx)
		if err == nil && leads {
			return n, nil
		}
	}
	return nil, errors.New("no etcd member says that it leads")
}

func (n *Node) leadsEtcd(ctx context.Context) (bool, error) {
	endpoint := n.join(n.ports.etcdClient)
	client, err := n.cluster.etcdClient(n)
	if err != nil {
		return false, err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	status, err := client.Status(ctx, endpoint)
	if err != nil {
		return false, err
	}
	return status.Leader != 0 && status.Leader == status.Header.MemberId, nil
}

// LeaderTTL is how long the leader record tells others to wait.
func (c *Cluster) LeaderTTL(ctx context.Context) (time.Duration, error) {
	client, err := c.etcdClient(c.Nodes...)
	if err != nil {
		return 0, err
	}
	defer client.Close()
	found, err := client.Get(ctx, "/service/"+c.options.Name+"/leader")
	if err != nil || len(found.Kvs) == 0 {
		return 0, fmt.Errorf("no leader record: %w", err)
	}
	var record struct {
		TTL time.Duration `json:"ttl_ns"`
	}
	err = json.Unmarshal(found.Kvs[0].Value, &record)
	return record.TTL, err
}

// MoveEtcdLeader makes the node's etcd lead the others. One that loses the leadership while it is asked may not answer: it is tried
// again.
func (c *Cluster) MoveEtcdLeader(ctx context.Context, to *Node) error {
	return c.poll(ctx, "move etcd's leadership to "+to.Name, func(ctx context.Context) error { return c.moveEtcdLeader(ctx, to) })
}

func (c *Cluster) moveEtcdLeader(ctx context.Context, to *Node) error {
	from, err := c.EtcdLeader(ctx)
	if err != nil || from == to {
		return err
	}
	client, err := c.etcdClient(from)
	if err != nil {
		return err
	}
	defer client.Close()
	members, err := client.MemberList(ctx)
	if err != nil {
		return err
	}
	for _, m := range members.Members {
		if m.Name == to.Name {
			_, err := client.MoveLeader(ctx, m.ID)
			return err
		}
	}
	return fmt.Errorf("etcd has no member %s", to.Name)
}

// etcdClient connects to the etcd of nodes as a client outside does.
func (c *Cluster) etcdClient(nodes ...*Node) (*clientv3.Client, error) {
	var endpoints []string
	for _, n := range nodes {
		endpoints = append(endpoints, n.join(n.ports.etcdClient))
	}
	return clientv3.New(clientv3.Config{
		Endpoints: endpoints, Logger: zap.NewNop(),
		DialOptions: []grpc.DialOption{grpc.WithContextDialer(func(ctx context.Context, address string) (net.Conn, error) {
			return c.dial(ctx, "tcp", address)
		})},
	})
}
