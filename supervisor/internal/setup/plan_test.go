// SPDX-License-Identifier: Apache-2.0

package setup

import (
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pgvigil/pgvigil/supervisor/internal/config"
)

var update = flag.Bool("update", false, "write the golden files anew")

// example is a plan with an etcd that is there.
func example() *Plan {
	address := netip.MustParseAddr
	return &Plan{
		Cluster: "demo", Member: "mdw", Address: address("10.0.0.1"),
		Members: map[string]netip.Addr{"mdw": address("10.0.0.1"), "standby": address("10.0.0.2"), "standby1.dc2": address("10.0.0.3")},
		PGBin:   "/usr/pgsql-17/bin", DataDir: "/var/lib/pgsql/17/data", SocketDir: "/run/postgresql", Quorum: true,
		Endpoints: []string{"http://10.0.0.11:2379", "http://10.0.0.12:2379", "http://10.0.0.13:2379"},
		Clients:   netip.MustParsePrefix("10.0.0.0/24"), APIUser: "pgvigil", Dir: "/etc/pgvigil", User: "postgres",
	}
}

func TestGolden(t *testing.T) {
	for name, change := range map[string]func(*Plan){
		"etcd":     func(*Plan) {},
		"embedded": func(p *Plan) { p.Endpoints = nil },
		"routers": func(p *Plan) {
			p.Routers, p.VIP = []string{HAProxy, Keepalived, PgBouncer}, netip.MustParseAddr("10.0.0.100")
		},
		"alone": func(p *Plan) { // IPv6, and everything the other way round
			p.Address, p.Clients = netip.MustParseAddr("fd00::1"), netip.MustParsePrefix("fd00::/64")
			p.Members = map[string]netip.Addr{"mdw": p.Address}
			p.Endpoints, p.Quorum, p.APIUser, p.SocketDir, p.Routers = nil, false, "", "", []string{PgBouncer}
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := example()
			change(p)
			golden(t, name+".hcl", string(p.HCL()))
			cfg, diags := config.Load(filepath.Join("testdata", name+".hcl"))
			if cfg == nil {
				t.Fatal(diags.Err())
			}
			e, diags := cfg.Embedded()
			if diags.HasErrors() || (e != nil) != p.Embedded() || cfg.Cluster.Member != "mdw" || cfg.API.Connect != p.At("8008") ||
				cfg.Server.Host != p.Address.String() || (cfg.Durability == config.DurabilityQuorum) != p.Quorum ||
				len(cfg.Routers) != len(p.Routers) {
				t.Errorf("%+v: %v", cfg, diags.Err())
			}
		})
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

// Ensure what was typed is a string and nothing else in HCL.
func TestNothingEscapes(t *testing.T) {
	p := example()
	p.DataDir = "/x/\"\n${file(\"/etc/passwd\")}%{ if true }\\"
	path := filepath.Join(t.TempDir(), "pgvigil.hcl")
	if err := os.WriteFile(path, p.HCL(), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, diags := config.Load(path)
	if cfg == nil || cfg.Server.DataDir != p.DataDir {
		t.Errorf("%+v, %v", cfg, diags.Err())
	}
}
