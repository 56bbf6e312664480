// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"context"
	"errors"
	"net"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// EtcdEndpoints are host:port of the client interfaces of all etcd members.
func (c *Cluster) EtcdEndpoints() []string {
	var all []string
	for _, n := range c.Nodes {
		all = append(all, n.join(n.ports.etcdClient))
	}
	return all
}

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

// leadsEtcd asks the member itself.
func (n *Node) leadsEtcd(ctx context.Context) (bool, error) {
	dial := func(ctx context.Context, address string) (net.Conn, error) { return n.cluster.dial(ctx, "tcp", address) }
	conn, err := grpc.NewClient("passthrough:///"+n.join(n.ports.etcdClient),
		grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithContextDialer(dial))
	if err != nil {
		return false, err
	}
	defer conn.Close()
	answer, err := etcdserverpb.NewMaintenanceClient(conn).Status(ctx, &etcdserverpb.StatusRequest{})
	if err != nil {
		return false, err
	}
	return answer.GetLeader() != 0 && answer.GetLeader() == answer.GetHeader().GetMemberId(), nil
}
