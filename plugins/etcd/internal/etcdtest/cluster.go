// SPDX-License-Identifier: Apache-2.0

package etcdtest

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pgvigil/pgvigil/plugins/sdk/plugintest"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
)

// Cluster is a running etcd cluster.
type Cluster struct {
	// Endpoints are the client URLs of the members, in order.
	Endpoints []string
	members   []*member
	tls       *Certificates
}

type member struct {
	settings settings
	cmd      *exec.Cmd
}

// Start runs a cluster of n members on loopback addresses of its own and waits until it serves. It is killed
// when the test ends. certs may be nil.
func Start(t testing.TB, n int, certs *Certificates) *Cluster {
	t.Helper()
	c := &Cluster{tls: certs}
	dir, net, scheme := plugintest.Dir(t), fmt.Sprintf("127.%d.%d.", 1+rand.IntN(250), rand.IntN(250)), "http"
	if certs != nil {
		scheme = "https"
	}
	var initial []string
	for i := range n {
		s := settings{
			Name: fmt.Sprintf("etcd%d", i+1), Token: dir, TLS: certs,
			Client: fmt.Sprintf("%s://%s%d:2379", scheme, net, i+1),
			Peer:   fmt.Sprintf("http://%s%d:2380", net, i+1),
		}
		s.Dir = filepath.Join(dir, s.Name)
		initial = append(initial, s.Name+"="+s.Peer)
		c.members = append(c.members, &member{settings: s})
		c.Endpoints = append(c.Endpoints, s.Client)
	}
	for i, m := range c.members {
		m.settings.Initial = strings.Join(initial, ",")
		c.Run(t, i)
	}
	c.AwaitReady(t)
	return c
}

// Run starts member i, for the first time or again on its data.
func (c *Cluster) Run(t testing.TB, i int) {
	t.Helper()
	m := c.members[i]
	raw, err := json.Marshal(m.settings)
	if err != nil {
		t.Fatalf("settings of etcd: %v", err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), memberEnv+"="+string(raw))
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatalf("start of etcd: %v", err)
	}
	m.cmd = cmd
	t.Cleanup(func() { reap(cmd) })
}

// reap ends a member process, which may be gone or frozen; how it ended does not matter.
func reap(cmd *exec.Cmd) {
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
}

// Kill ends member i as kill -9 does.
func (c *Cluster) Kill(i int) { reap(c.members[i].cmd) }

// Freeze stops member i with SIGSTOP; its kernel goes on acknowledging what is sent to it.
func (c *Cluster) Freeze(t testing.TB, i int) { c.signal(t, i, syscall.SIGSTOP) }

// Thaw lets a frozen member go on.
func (c *Cluster) Thaw(t testing.TB, i int) { c.signal(t, i, syscall.SIGCONT) }

func (c *Cluster) signal(t testing.TB, i int, sig syscall.Signal) {
	t.Helper()
	if err := c.members[i].cmd.Process.Signal(sig); err != nil {
		t.Fatalf("signal to etcd: %v", err)
	}
}

// AwaitReady waits until every member answers a linearizable read.
func (c *Cluster) AwaitReady(t testing.TB) {
	t.Helper()
	for i := range c.members {
		client := c.Client(t, i, "", "")
		plugintest.Eventually(t, "etcd serves", func() bool {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_, err := client.Get(ctx, "ready")
			return err == nil
		})
	}
}

// Leader returns the index of the raft leader, waiting until the members that run agree on one.
func (c *Cluster) Leader(t testing.TB) int {
	t.Helper()
	leader := -1
	plugintest.Eventually(t, "etcd has a leader", func() bool {
		for i := range c.members {
			client := c.Client(t, i, "", "")
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			st, err := client.Status(ctx, c.Endpoints[i])
			cancel()
			_ = client.Close()
			if err == nil && st.Leader == st.Header.MemberId {
				leader = i
				return true
			}
		}
		return false
	})
	return leader
}

// Client connects to member i alone. It is closed when the test ends.
func (c *Cluster) Client(t testing.TB, i int, user, password string) *clientv3.Client {
	t.Helper()
	cfg := clientv3.Config{
		Endpoints: []string{c.Endpoints[i]}, Username: user, Password: password,
		Logger: zap.NewNop(), DialTimeout: 10 * time.Second,
	}
	if c.tls != nil {
		cfg.TLS = c.tls.client(t)
	}
	client, err := clientv3.New(cfg)
	if err != nil {
		t.Fatalf("client of etcd: %v", err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}
