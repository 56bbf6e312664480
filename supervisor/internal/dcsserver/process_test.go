// SPDX-License-Identifier: Apache-2.0

package dcsserver

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
)

// serverEnv holds a Config as JSON; its presence makes the test binary a member.
const serverEnv = "PGVIGIL_DCSSERVER_TEST"

func TestMain(m *testing.M) {
	raw := os.Getenv(serverEnv)
	if raw == "" {
		os.Exit(m.Run())
	}
	var c Config
	if err := json.Unmarshal([]byte(raw), &c); err != nil {
		panic(err)
	}
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer cancel()
	if err := Run(ctx, c, slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))); err != nil {
		fmt.Fprintln(os.Stderr, "failed:", err)
		os.Exit(1)
	}
}

// site is a set of members on loopback addresses of its own.
type site struct {
	t       *testing.T
	dir     string
	configs []Config
	running map[int]*exec.Cmd
}

func newSite(t *testing.T, members int) *site {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "pgv")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	s := &site{t: t, dir: dir, running: map[int]*exec.Cmd{}}
	net := fmt.Sprintf("127.%d.%d.", 1+rand.IntN(250), rand.IntN(250))
	peers := map[string]string{}
	for i := range members {
		peers[fmt.Sprintf("m%d", i)] = fmt.Sprintf("http://%s%d:2380", net, i+1)
	}
	for i := range members {
		s.configs = append(s.configs, Config{
			Cluster: "demo", Namespace: "/service", Name: fmt.Sprintf("m%d", i), Members: peers,
			DataDir:      filepath.Join(dir, fmt.Sprintf("m%d", i)),
			ListenClient: fmt.Sprintf("http://%s%d:2379", net, i+1), ListenPeer: fmt.Sprintf("http://%s%d:2380", net, i+1),
		})
	}
	return s
}

// start runs member i with its log in a file.
func (s *site) start(i int) *exec.Cmd {
	s.t.Helper()
	raw, err := json.Marshal(s.configs[i])
	if err != nil {
		s.t.Fatal(err)
	}
	log, err := os.OpenFile(s.log(i), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		s.t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command(os.Args[0])
	cmd.Env, cmd.Stderr = append(os.Environ(), serverEnv+"="+string(raw)), log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.running[i] = cmd
	s.t.Cleanup(func() { s.end(cmd, syscall.SIGKILL) })
	return cmd
}

func (s *site) log(i int) string { return filepath.Join(s.dir, fmt.Sprintf("m%d.log", i)) }

func (s *site) logged(i int) string {
	raw, err := os.ReadFile(s.log(i))
	if err != nil {
		s.t.Fatal(err)
	}
	return string(raw)
}

// end signals a process and waits for its end; how it ended is the caller's to look at.
func (s *site) end(cmd *exec.Cmd, sig syscall.Signal) {
	_ = cmd.Process.Signal(sig)
	_ = cmd.Wait()
}

// serves waits until member i answers a linearizable read, and returns a client of it.
func (s *site) serves(i int) *clientv3.Client {
	s.t.Helper()
	client, err := clientv3.New(clientv3.Config{Endpoints: []string{s.configs[i].ListenClient}, Logger: zap.NewNop()})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = client.Close() })
	s.eventually(fmt.Sprintf("member %d serves", i), func() bool {
		ctx, cancel := context.WithTimeout(s.t.Context(), time.Second)
		defer cancel()
		_, err := client.Get(ctx, "x")
		return err == nil
	})
	return client
}

// leader waits until all members serve and tells which one leads.
func (s *site) leader() int {
	s.t.Helper()
	leader := -1
	for i := range s.configs {
		st, err := s.serves(i).Status(s.t.Context(), s.configs[i].ListenClient)
		if err != nil {
			s.t.Fatal(err)
		}
		if st.Leader == st.Header.MemberId {
			leader = i
		}
	}
	if leader < 0 {
		s.t.Fatal("no leader")
	}
	return leader
}

func (s *site) eventually(what string, cond func() bool) {
	s.t.Helper()
	deadline := time.After(60 * time.Second)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !cond() {
		select {
		case <-tick.C:
		case <-deadline:
			for i := range s.running {
				s.t.Logf("log of member %d:\n%s", i, tail(s.logged(i)))
			}
			s.t.Fatalf("not in time: %s", what)
		}
	}
}

func tail(log string) string {
	lines := strings.Split(log, "\n")
	return strings.Join(lines[max(0, len(lines)-25):], "\n")
}
