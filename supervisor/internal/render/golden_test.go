// SPDX-License-Identifier: Apache-2.0

package render

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

// demo is a cluster of three, uneven one with members that are reached in all kinds of ways.
var (
	demo = Cluster{Name: "demo", User: "postgres", Members: []Member{
		member("mdw", "10.0.0.1"), member("standby", "10.0.0.2"), member("standby1", "10.0.0.3"),
	}}
	uneven = Cluster{Name: "uneven", User: "pg", Members: []Member{
		{Name: "a", Host: "fd00::1", Port: 5433, APIHost: "fd00:1::1", APIPort: 9008}, member("b", "localhost"),
	}}
)

func member(name, host string) Member {
	return Member{Name: name, Host: host, Port: 5432, APIHost: host, APIPort: 8008}
}

const (
	socket    = "/run/haproxy/admin.sock"
	trackFile = "/run/pgvigil/keepalived/vrrp"
	caFile    = "/etc/pgvigil/ca.crt"
	clientPEM = "/etc/haproxy/pgvigil-client.pem"
)

var haproxies = map[string]HAProxy{
	"haproxy.cfg": {
		Cluster: demo, Suggest: true, Socket: socket,
		Primary: Section{Name: "primary", Check: "/primary", Cut: true},
		Replica: Section{Name: "replica", Check: "/replica?lag=16MB"},
	},
	"haproxy_tls.cfg": {
		Cluster: uneven, Socket: socket, TLS: &CheckTLS{CAFile: caFile, ClientCert: clientPEM},
		Primary: Section{Name: "writes", Check: "/primary"},
		Replica: Section{Name: "reads", Check: "/replica?lag=16MB&tag_site=a+b%23c", Cut: true, Pushed: true},
	},
	"haproxy_unverified.cfg": {
		Cluster: demo, Socket: socket, TLS: &CheckTLS{},
		Primary: Section{Name: "primary", Check: "/primary", Cut: true},
		Replica: Section{Name: "replica", Check: "/replica"},
	},
	"haproxy_own_file.cfg": {
		Cluster: demo, Socket: socket, OwnFile: "/etc/haproxy/conf.d/pgvigil.cfg",
		Primary: Section{Name: "primary"}, Replica: Section{Name: "replica"},
	},
}

var keepaliveds = map[string]Keepalived{
	"keepalived_primary.conf": {
		Cluster: demo, Suggest: true, Self: demo.Members[0], VIP: "10.0.0.100/24", Interface: "eth0", TrackFile: trackFile,
	},
	"keepalived_haproxy.conf": {
		Cluster: demo, Suggest: true, Self: demo.Members[1], VIP: "10.0.0.100", Interface: "eth0", TrackFile: trackFile,
		Backend: "primary",
	},
	"keepalived_multicast.conf": {
		Cluster: uneven, Self: uneven.Members[1], VIP: "fd00::100/64", Interface: "eth0", TrackFile: "/var/lib/vrrp/track",
		Backend: "writes",
	},
}

var pgbouncers = map[string]PgBouncer{
	"pgbouncer.ini": {
		Cluster: demo, Suggest: true, Port: 6432, SocketDir: "/run/postgresql", Admin: "pgvigil",
		Include: "/var/lib/pgbouncer/databases.ini",
	},
	"pgbouncer_haproxy.ini": {
		Cluster: demo, Port: 6433, SocketDir: "/run/pgbouncer", Admin: "boss", Host: "127.0.0.1", HostPort: WritePort,
	},
}

var etcds = map[string]Etcd{
	"etcd.yml": {
		Cluster: demo, Scheme: "http", Self: EtcdMember{"10.0.0.1", "10.0.0.1", "2379"},
		Peers: []EtcdMember{{"10.0.0.1", "10.0.0.1", "2379"}, {"10.0.0.2", "10.0.0.2", "2379"}, {"10.0.0.3", "10.0.0.3", "2379"}},
	},
	"etcd_tls.yml": {
		Cluster: uneven, Scheme: "https", Self: EtcdMember{"db1.example", "db1.example", "12379"},
		Peers: []EtcdMember{{"db1.example", "db1.example", "12379"}, {"fd00::2", "fd00::2", "2379"}},
	},
}

var firewalls = map[string]Firewalld{
	"firewalld.sh":        {Cluster: demo, Etcd: []string{"2379", "2380"}},
	"firewalld_uneven.sh": {Cluster: Cluster{Name: "uneven", Members: []Member{uneven.Members[0], member("b", "10.0.0.2")}}},
}

func TestGolden(t *testing.T) {
	golden(t, "sysctl.conf", Sysctl)
	each(t, haproxies)
	each(t, keepaliveds)
	each(t, pgbouncers)
	each(t, etcds)
	each(t, firewalls)
}

// TestPackagedServices compares the firewalld services in the packages with what is rendered for the default ports.
func TestPackagedServices(t *testing.T) {
	const dir = "../../../packaging/root/usr/lib/firewalld/services"
	rendered := firewalls["firewalld.sh"].String()
	for _, name := range []string{"pgvigil-hosts.xml", "pgvigil-clients.xml"} {
		packaged, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if want := name + " << 'XML'\n" + string(packaged) + "XML\n"; !strings.Contains(rendered, want) {
			t.Errorf("%s is not what is rendered:\n%s", name, packaged)
		}
	}
}

func each[T interface{ String() string }](t *testing.T, all map[string]T) {
	for name, model := range all {
		t.Run(name, func(t *testing.T) { golden(t, name, model.String()) })
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

// Whatever the number of hosts, their priorities differ, by less than the track file's weight of 60, and with three times that
// the greatest is still one.
func TestPriorities(t *testing.T) {
	c := Cluster{Name: "x"}
	for n := 1; n <= 9; n++ {
		c.Members = append(c.Members, member(string(rune('a'+n)), "10.0.0.1"))
		seen := map[int]bool{}
		least, most := 255, 0
		for _, m := range c.Members {
			p := Keepalived{Cluster: c, Self: m}.Priority()
			seen[p] = true
			least, most = min(least, p), max(most, p)
		}
		if len(seen) != n || least < 1 || most-least >= 60 || most+3*60 > 254 {
			t.Errorf("%d hosts: priorities %v", n, seen)
		}
	}
}
