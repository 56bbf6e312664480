// SPDX-License-Identifier: Apache-2.0

package setup

import (
	"context"
	"errors"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/pgvigil/pgvigil/supervisor/internal/pgbin"
)

// host is one with two addresses, a PostgreSQL, HAProxy and Keepalived.
func host(t *testing.T) *Host {
	t.Helper()
	bin := t.TempDir()
	for _, name := range []string{"postgres", "initdb", "pg_basebackup", "pg_rewind", "pg_controldata"} {
		if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\necho 'postgres (PostgreSQL) 17.6'\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return &Host{
		Name: "mdw", Postgres: []pgbin.Installation{{Bin: bin, Version: "17.6", Major: 17}}, Routers: []string{HAProxy, Keepalived},
		Addresses: []Address{
			{"eth0", netip.MustParsePrefix("10.0.0.1/24")}, {"eth1", netip.MustParsePrefix("192.168.1.1/24")},
			{"lo", netip.MustParsePrefix("127.0.0.1/8")},
		},
	}
}

func interview(t *testing.T, answers map[string]string) (*Interview, *strings.Builder) {
	t.Helper()
	said := &strings.Builder{}
	return &Interview{
		Host: host(t), Plan: &Plan{Dir: "/etc/pgvigil", User: "postgres"}, Answers: answers, Out: said,
		Present: func(string) bool { return false },
	}, said
}

// three are the flags that scripts must give, the same on all hosts.
func three() map[string]string {
	return map[string]string{
		"cluster": "demo", "members": "mdw=10.0.0.1,standby=10.0.0.2, standby1=10.0.0.3", "etcd": "embedded", "secrets": "new",
	}
}

func wanted(bin string) *Plan {
	address := netip.MustParseAddr
	return &Plan{
		Cluster: "demo", Member: "mdw", Address: address("10.0.0.1"),
		Members: map[string]netip.Addr{"mdw": address("10.0.0.1"), "standby": address("10.0.0.2"), "standby1": address("10.0.0.3")},
		PGBin:   bin, DataDir: "/var/lib/pgsql/data", Quorum: true, Clients: netip.MustParsePrefix("10.0.0.0/24"), APIUser: "pgvigil",
		Dir: "/etc/pgvigil", User: "postgres",
	}
}

func same(t *testing.T, want, got *Plan) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{})); diff != "" {
		t.Errorf("plan (-want +got):\n%s", diff)
	}
}

// Ensure one command line serves all hosts: who this one is, is found by its address.
func TestFlagsAlone(t *testing.T) {
	i, said := interview(t, three())
	i.Host.Name = "db17-mdw"
	if err := i.Run(t.Context()); err != nil || said.Len() > 0 {
		t.Fatalf("%v, said %q", err, said)
	}
	same(t, wanted(i.Host.Postgres[0].Bin), i.Plan)
}

// Ensure a person is asked for everything, sees what was found, and is asked again after a wrong answer.
func TestAnsweredByAPerson(t *testing.T) {
	i, said := interview(t, nil)
	i.In = strings.NewReader(strings.Join([]string{
		"", "de mo", "demo", "MDW", "", "10.0.0.9", "", "standby", "mdw=10.0.0.7", "standby=10.0.0.2,standby1=10.0.0.3",
		"", "", "sync", "", "", "", "haproxy,keepalived", "10.0.0.100", "none", "", "new", "yes",
	}, "\n") + "\n")
	if err := i.Run(t.Context()); err != nil {
		t.Fatalf("%v, said\n%s", err, said)
	}
	want := wanted(i.Host.Postgres[0].Bin)
	want.Routers, want.VIP, want.APIUser = []string{HAProxy, Keepalived}, netip.MustParseAddr("10.0.0.100"), ""
	same(t, want, i.Plan)
	for _, part := range []string{
		"Needed: name of the cluster", `"de mo" is no name for a cluster`, "no upper-case letters: mdw", "Name of this member [mdw]: ",
		"Addresses of this host: 10.0.0.1 (eth0), 192.168.1.1 (eth1)\n",
		"no interface of this host has 10.0.0.9", `"standby": want NAME=ADDRESS`,
		"this member is mdw=10.0.0.1, and mdw=10.0.0.7 is listed", "want quorum or async",
	} {
		if !strings.Contains(said.String(), part) {
			t.Errorf("not said: %q", part)
		}
	}
	if ok, err := i.Confirm(t.Context(), "Write?"); !ok || err != nil {
		t.Errorf("%v, %v", ok, err)
	}
	if _, err := i.Confirm(t.Context(), "Write?"); !errors.Is(err, io.EOF) {
		t.Errorf("at the end of the input: %v", err)
	}
}

// Ensure an interrupt ends the waiting for an answer.
func TestInterrupted(t *testing.T) {
	i, _ := interview(t, nil)
	in, typed := io.Pipe()
	defer typed.Close()
	i.In = in
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := i.Run(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func TestUnusableAnswers(t *testing.T) {
	for _, c := range []struct{ flag, answer, want string }{
		{"cluster", "a/b", `--cluster a/b: "a/b" is no name for a cluster`},
		{"member", "MDW", "--member MDW: a member's name has no upper-case letters: mdw"},
		{"member", "standby2", "--address: address of this host"},
		{"member", "standby", "--address 10.0.0.2, which was found, cannot be used: no interface of this host has 10.0.0.2"},
		{"address", "mdw", "--address mdw: ParseAddr"},
		{"address", "192.168.1.1", "this member is mdw=192.168.1.1, and mdw=10.0.0.1 is listed"},
		{"members", "mdw=10.0.0.1,standby=10.0.0.1", "standby=10.0.0.1 stands twice"},
		{"members", "mdw=10.0.0.1,STANDBY=10.0.0.2", "no upper-case letters: standby"},
		{"members", "", "--members : want"},
		{"pg-bin", "/nowhere", "--pg-bin /nowhere: stat /nowhere/postgres"},
		{"data-dir", "data", "--data-dir data: want an absolute path"},
		{"durability", "sync", "--durability sync: want quorum or async"},
		{"etcd", "10.0.0.1:2379", `want "embedded" or URLs such as http://10.0.0.1:2379`},
		{"etcd", "", `want "embedded" or URLs`},
		{"clients", "10.0.0.0", "--clients 10.0.0.0: netip.ParsePrefix"},
		{"routers", "nginx", "--routers nginx: want haproxy or keepalived or pgbouncer or none"},
		{"routers", "pgbouncer", "pgbouncer is not installed on this host: install it, or leave it out"},
		{"routers", "keepalived", "--vip: virtual address for Keepalived"},
		{"vip", "10.0.0.100", "is not among --routers"},
		{"secrets", "secrets", `--secrets secrets: want "new" or an absolute path`},
		{"api-user", "", "--api-user : want"},
	} {
		answers := three()
		answers[c.flag] = c.answer
		i, _ := interview(t, answers)
		if err := i.Run(t.Context()); !errors.As(err, new(Unusable)) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("--%s %q: %v\nwant %s", c.flag, c.answer, err, c.want)
		}
	}
}

// Ensure a cluster of one does not wait for standbys, and needs nobody to say where its secrets are.
func TestAlone(t *testing.T) {
	answers := map[string]string{"cluster": "demo", "members": "none", "address": "10.0.0.1", "etcd": "embedded"}
	i, _ := interview(t, answers)
	if err := i.Run(t.Context()); err != nil || i.Secrets != New || i.Plan.Quorum || len(i.Plan.Members) != 1 {
		t.Errorf("%v, %+v", err, i.Plan)
	}
	answers["durability"] = "quorum"
	i, _ = interview(t, answers)
	if err := i.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "there is no other member") {
		t.Error(err)
	}
}

// Ensure a script hears of all flags that are missing, at once.
func TestMissingFlags(t *testing.T) {
	i, _ := interview(t, nil)
	err := i.Run(t.Context())
	if !errors.As(err, new(Unusable)) {
		t.Fatal(err)
	}
	for _, flag := range []string{"cluster", "address", "members", "etcd", "secrets"} {
		if !strings.Contains(err.Error(), "\n  --"+flag+": ") {
			t.Errorf("--%s is not named: %v", flag, err)
		}
	}
	if n := strings.Count(err.Error(), "\n"); n != 5 {
		t.Errorf("%d flags: %v", n, err)
	}
}

// Ensure secrets that are all in place are not asked for, and one that is missing is.
func TestSecretsInPlace(t *testing.T) {
	for missing, want := range map[string]bool{"": true, apiFile: false} {
		answers := three()
		delete(answers, "secrets")
		i, _ := interview(t, answers)
		i.Present = func(name string) bool { return name != missing }
		if err := i.Run(t.Context()); (err == nil) != want {
			t.Errorf("without %q: %v", missing, err)
		}
	}
}

// Ensure a host without PostgreSQL is told how to get it.
func TestNoPostgres(t *testing.T) {
	i, _ := interview(t, three())
	i.Host.Postgres, i.Host.MissingPostgres = nil, errors.New("install it")
	if err := i.Run(t.Context()); err == nil || err.Error() != "install it" {
		t.Error(err)
	}
}

func TestDataDir(t *testing.T) {
	for bin, want := range map[string]string{
		"/usr/lib/postgresql/99/bin": "/var/lib/postgresql/99/main", "/usr/pgsql-99/bin": "/var/lib/pgsql/99/data",
		"/usr/bin": "/var/lib/pgsql/data",
	} {
		i := Interview{Plan: &Plan{PGBin: bin, Cluster: "demo"}}
		if got := i.proposeDataDir(); got != want {
			t.Errorf("%s: %s, want %s", bin, got, want)
		}
	}
}
