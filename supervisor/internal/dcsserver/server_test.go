// SPDX-License-Identifier: Apache-2.0

package dcsserver

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
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

// TestLeaderHandsOver: when the etcd leader is stopped in order, there is no silence of an election.
func TestLeaderHandsOver(t *testing.T) {
	s := newSite(t, 3)
	for i := range 3 {
		s.start(i)
	}
	leader := -1
	for i := range 3 {
		c := s.serves(i)
		st, err := c.Status(t.Context(), s.configs[i].ListenClient)
		if err != nil {
			t.Fatal(err)
		}
		if st.Leader == st.Header.MemberId {
			leader = i
		}
	}
	if leader < 0 {
		t.Fatal("no leader")
	}
	other := s.serves((leader + 1) % 3)
	if err := s.running[leader].Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	stopped := make(chan struct{})
	go func() { _ = s.running[leader].Wait(); close(stopped) }()
	var worst time.Duration
	for stopping := true; stopping; {
		begun := time.Now()
		if _, err := other.Put(t.Context(), "k", "v"); err != nil {
			t.Fatal(err)
		}
		worst = max(worst, time.Since(begun))
		select {
		case <-stopped:
			stopping = false
		default:
		}
	}
	t.Logf("longest write %s", worst.Round(time.Millisecond))
	if worst > defaultElection {
		t.Errorf("a write took %s", worst)
	}
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
