// SPDX-License-Identifier: Apache-2.0

// Package setup makes the first configuration of a host: it asks for what it cannot find (interview.go, questions.go), renders
// (plan.go, pgvigil.hcl.tmpl), and puts files in place, all or none (files.go).
package setup

import (
	_ "embed"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"text/template"

	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"
)

// The routers that setup knows.
const (
	HAProxy    = "haproxy"
	Keepalived = "keepalived"
	PgBouncer  = "pgbouncer"
)

var routers = []string{HAProxy, Keepalived, PgBouncer}

// Plan is what the configuration is made of.
type Plan struct {
	// Cluster and Member are names, Address is this host's.
	Cluster, Member string
	Address         netip.Addr
	// Members are the addresses of all members by name, this one included.
	Members map[string]netip.Addr
	// PGBin is where PostgreSQL's programs are; SocketDir, which may be empty, is where its socket will be.
	PGBin, DataDir, SocketDir string
	// Quorum is durability = "quorum".
	Quorum bool
	// Endpoints are the URLs of an etcd that is there; none has pgvigil run one.
	Endpoints []string
	// Clients is the network that may connect.
	Clients netip.Prefix
	// Routers are some of the above, VIP is Keepalived's address.
	Routers []string
	VIP     netip.Addr
	// APIUser is asked for before anything is changed over the REST interface; empty asks for nobody.
	APIUser string
	// Dir is where the files are; User, of the operating system, owns those with secrets.
	Dir, User string
}

// Configuration is the name of the file.
const Configuration = "pgvigil.hcl"

//go:embed pgvigil.hcl.tmpl
var text string

// HCL is the text of the configuration.
func (p *Plan) HCL() []byte {
	t := template.Must(template.New(Configuration).Funcs(template.FuncMap{"q": quote, "key": key}).Parse(text))
	var b strings.Builder
	if err := t.Execute(&b, p); err != nil {
		panic(err) // a mistake in the template
	}
	return hclwrite.Format([]byte(b.String()))
}

// quote writes a string in HCL.
func quote(s string) string { return string(hclwrite.TokensForValue(cty.StringVal(s)).Bytes()) }

// key writes a key of an object.
func key(name string) string {
	if hclsyntax.ValidIdentifier(name) {
		return name
	}
	return quote(name)
}

// Names are the members' names in order.
func (p *Plan) Names() []string { return slices.Sorted(maps.Keys(p.Members)) }

// Embedded tells that pgvigil runs etcd.
func (p *Plan) Embedded() bool { return len(p.Endpoints) == 0 }

// Has tells whether a router is wanted.
func (p *Plan) Has(router string) bool { return slices.Contains(p.Routers, router) }

// At is the address of this host with a port.
func (p *Plan) At(port string) string { return net.JoinHostPort(p.Address.String(), port) }

// PeerURL is where a member's etcd is reached by the others.
func (p *Plan) PeerURL(member string) string {
	return "http://" + net.JoinHostPort(p.Members[member].String(), "2380")
}

// Listen is where to listen on a port: on all addresses, as a virtual one may come. A loopback address is one of several hosts
// on one machine.
func (p *Plan) Listen(port string) string {
	switch {
	case p.Address.IsLoopback():
		return p.At(port)
	case p.Address.Is4():
		return "0.0.0.0:" + port
	}
	return "[::]:" + port
}

// HBA are the lines for clients: from this host and from their network.
func (p *Plan) HBA() []string {
	local := "127.0.0.1/32"
	if p.Address.Is6() {
		local = "::1/128"
	}
	lines := []string{"local  all  all                      scram-sha-256"}
	for _, from := range []string{local, p.Clients.String()} {
		lines = append(lines, fmt.Sprintf("host   all  all  %-18s  scram-sha-256", from))
	}
	return lines
}

// File is the path of a file in Dir.
func (p *Plan) File(name string) string { return filepath.Join(p.Dir, name) }

// The files with secrets.
const (
	superuserFile   = "superuser.password"
	replicationFile = "replication.password"
	heartbeatFile   = "heartbeat.secret"
	apiFile         = "api.password"
	pgbouncerFile   = "pgbouncer.password"
)

// Secrets are the names of the files with secrets that the configuration names.
func (p *Plan) Secrets() []string {
	names := []string{superuserFile, replicationFile, heartbeatFile}
	if p.APIUser != "" {
		names = append(names, apiFile)
	}
	if p.Has(PgBouncer) {
		names = append(names, pgbouncerFile)
	}
	return names
}
