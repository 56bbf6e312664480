// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
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

// leadsEtcd asks the JSON gateway that every etcd has.
func (n *Node) leadsEtcd(ctx context.Context) (bool, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, n.url(n.ports.etcdClient)+"/v3/maintenance/status", strings.NewReader("{}"))
	if err != nil {
		return false, err
	}
	response, err := n.cluster.client.Do(request)
	if err != nil {
		return false, err
	}
	defer response.Body.Close()
	var answer struct {
		Header struct {
			MemberID string `json:"member_id"`
		}
		Leader string
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return false, err
	}
	return answer.Leader != "" && answer.Leader == answer.Header.MemberID, nil
}
