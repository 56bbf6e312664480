// SPDX-License-Identifier: Apache-2.0

package dcsserver

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// TestThreeMembers founds a cluster, stops a member in order, kills one, wipes one: each comes back, and what
// was written stays.
func TestThreeMembers(t *testing.T) {
	s := newSite(t, 3)
	begun := time.Now()
	for i := range 3 {
		s.start(i)
	}
	client := s.serves(0)
	t.Logf("served after %s", time.Since(begun).Round(time.Millisecond))
	s.serves(1)
	s.serves(2)
	if _, err := client.Put(t.Context(), "k", "kept"); err != nil {
		t.Fatal(err)
	}
	s.end(s.running[1], syscall.SIGTERM)
	if code := s.running[1].ProcessState.ExitCode(); code != 0 {
		t.Errorf("stop in order ended with %d", code)
	}
	s.start(1)
	s.serves(1)

	s.end(s.running[2], syscall.SIGKILL)
	s.start(2)
	s.serves(2)

	before := memberID(t, s, 2)
	s.end(s.running[2], syscall.SIGKILL)
	if err := os.RemoveAll(s.configs[2].DataDir); err != nil {
		t.Fatal(err)
	}
	s.start(2)
	got, err := s.serves(2).Get(t.Context(), "k")
	if err != nil || len(got.Kvs) != 1 || string(got.Kvs[0].Value) != "kept" {
		t.Errorf("after the loss of the data: %v, %v", got, err)
	}
	if memberID(t, s, 2) == before {
		t.Error("the member came back under the identity whose data was lost")
	}
	list, err := client.MemberList(t.Context())
	if err != nil || len(list.Members) != 3 {
		t.Errorf("members: %v, %v", list, err)
	}
	if !strings.Contains(s.logged(0), "etcd member ready") {
		t.Error("no message when ready")
	}
}

func memberID(t *testing.T, s *site, i int) uint64 {
	t.Helper()
	got, err := s.serves(i).Get(t.Context(), "x")
	if err != nil {
		t.Fatal(err)
	}
	return got.Header.MemberId
}

// TestLeaderHandsOver: an etcd leader that is stopped in order appoints its successor, which spares the others
// the wait for an election.
func TestLeaderHandsOver(t *testing.T) {
	s := newSite(t, 3)
	for i := range 3 {
		s.start(i)
	}
	leader := s.leader()
	watch := s.serves(leader).Watch(t.Context(), "k", clientv3.WithCreatedNotify())
	<-watch // a client that stays
	begun := time.Now()
	s.end(s.running[leader], syscall.SIGTERM)
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("stop in order took %s", took)
	}
	if code := s.running[leader].ProcessState.ExitCode(); code != 0 {
		t.Errorf("stop in order ended with %d", code)
	}
	if !strings.Contains(s.logged(leader), "leadership transfer finished") {
		t.Errorf("no transfer of the leadership:\n%s", tail(s.logged(leader)))
	}
	s.serves((leader + 1) % 3)
}

func TestRefusesForeignData(t *testing.T) {
	s := newSite(t, 1)
	s.start(0)
	s.serves(0)
	s.end(s.running[0], syscall.SIGTERM)
	info, err := os.Stat(s.configs[0].DataDir)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("data directory: %v, %v", info.Mode(), err)
	}

	c := s.configs[0]
	c.Cluster = "another"
	if _, err := claim(c); err == nil || !strings.Contains(err.Error(), `"pgvigil:/service/demo"`) {
		t.Errorf("data of another cluster: %v", err)
	}
	c = s.configs[0]
	c.Name = "m9"
	if _, err := claim(c); err == nil || !strings.Contains(err.Error(), `member "m0"`) {
		t.Errorf("data of another member: %v", err)
	}
	if err := os.Remove(filepath.Join(s.configs[0].DataDir, identityFile)); err != nil {
		t.Fatal(err)
	}
	if _, err := claim(s.configs[0]); err == nil || !strings.Contains(err.Error(), "not made by pgvigil") {
		t.Errorf("data of another etcd: %v", err)
	}
}

// TestSecondProcessUnderTheSameName must not push the member out that serves.
func TestSecondProcessUnderTheSameName(t *testing.T) {
	s := newSite(t, 3)
	for i := range 3 {
		s.start(i)
	}
	for i := range 3 {
		s.serves(i)
	}
	s.configs[0].DataDir = filepath.Join(s.dir, "copy")
	first := s.running[0]
	second := s.start(0)
	_ = second.Wait()
	if second.ProcessState.ExitCode() == 0 || !strings.Contains(s.logged(0), ErrAlreadyRuns.Error()) {
		t.Errorf("second process: %v\n%s", second.ProcessState, tail(s.logged(0)))
	}
	s.running[0] = first
	s.serves(0)
}
