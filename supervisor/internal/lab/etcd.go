// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"context"
	"errors"
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
	client, err := clientv3.New(clientv3.Config{
		Endpoints: []string{endpoint}, Logger: zap.NewNop(),
		DialOptions: []grpc.DialOption{grpc.WithContextDialer(func(ctx context.Context, address string) (net.Conn, error) {
			return n.cluster.dial(ctx, "tcp", address)
		})},
	})
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
