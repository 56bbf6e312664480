// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	clientv3 "go.etcd.io/etcd/client/v3"
)

var errNoRecord = errors.New("no such record")

func (c *Cluster) prefix() string { return "/service/" + c.options.Name + "/" }

// Record reads a record of the cluster in the DCS, such as "cohort".
func (c *Cluster) Record(ctx context.Context, key string, into any) error {
	client, err := c.etcdClient(c.Nodes...)
	if err != nil {
		return err
	}
	defer client.Close()
	answer, err := client.Get(ctx, c.prefix()+key)
	if err != nil {
		return fmt.Errorf("record %s: %w", key, err)
	}
	if len(answer.Kvs) == 0 {
		return fmt.Errorf("record %s: %w", key, errNoRecord)
	}
	return json.Unmarshal(answer.Kvs[0].Value, into)
}

// WatchRecords calls f with each record that is written in the DCS until the context ends. It asks every etcd, so that f is
// called early and from several goroutines, more than once for the same write. It returns once the watches stand.
func (c *Cluster) WatchRecords(ctx context.Context, f func(key string, value []byte)) error {
	for _, n := range c.Nodes {
		if err := n.watchRecords(ctx, f); err != nil {
			return fmt.Errorf("watch the records at %s: %w", n.Name, err)
		}
	}
	return nil
}

func (n *Node) watchRecords(ctx context.Context, f func(key string, value []byte)) error {
	client, err := n.cluster.etcdClient(n)
	if err != nil {
		return err
	}
	prefix := n.cluster.prefix()
	watch := client.Watch(ctx, prefix, clientv3.WithPrefix(), clientv3.WithCreatedNotify())
	if first, ok := <-watch; !ok || first.Err() != nil {
		return errors.Join(errNoRecord, first.Err(), client.Close())
	}
	go func() {
		defer client.Close()
		for answer := range watch {
			for _, event := range answer.Events {
				f(strings.TrimPrefix(string(event.Kv.Key), prefix), event.Kv.Value)
			}
		}
	}()
	return nil
}
