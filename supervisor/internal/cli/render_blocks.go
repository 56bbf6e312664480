// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/pgvigil/pgvigil/supervisor/internal/config"
	"github.com/pgvigil/pgvigil/supervisor/internal/render"
)

// What render needs of the plugins' blocks. Names and defaults are those of the plugins' schemas.

// block decodes what is needed of a router's block; one that is missing has the defaults.
func (r *rendering) block(name string, schema config.Block, into any) error {
	block, _ := r.cfg.Router(name)
	return r.decode(block, schema, into)
}

func (r *rendering) decode(block config.PluginBlock, schema config.Block, into any) error {
	if diags := r.cfg.DecodePart(block, schema, into); diags.HasErrors() {
		return r.app.unusable(diags)
	}
	return nil
}

// missing tells that the configuration has no block for a router.
func (r *rendering) missing(name string) bool {
	_, there := r.cfg.Router(name)
	return !there
}

func attribute(name string, t config.Type, standard string) config.Attribute {
	return config.Attribute{Name: name, Type: t, Default: standard}
}

// haproxyBlock is router "haproxy".
type haproxyBlock struct {
	Sockets    []string          `json:"sockets"`
	Primary    string            `json:"primary_backend"`
	Replica    string            `json:"replica_backend"`
	MaxLag     *int64            `json:"max_lag"`
	Tags       map[string]string `json:"tags"`
	CutPrimary bool              `json:"cut_primary_sessions"`
	CutReplica bool              `json:"cut_replica_sessions"`
	File       struct {
		Path string `json:"path"`
		Bind string `json:"primary_bind"`
	} `json:"config_file"`
}

func haproxySchema() config.Block {
	return config.Block{
		Attributes: []config.Attribute{
			attribute("sockets", config.StringList, `["/run/haproxy/admin.sock"]`),
			attribute("primary_backend", config.String, `"primary"`),
			attribute("replica_backend", config.String, `""`),
			attribute("max_lag", config.Size, ""),
			attribute("tags", config.StringMap, ""),
			attribute("cut_primary_sessions", config.Bool, "true"),
			attribute("cut_replica_sessions", config.Bool, "false"),
		},
		Blocks: []config.NestedBlock{{Type: "config_file", Body: config.Block{Attributes: []config.Attribute{
			attribute("path", config.String, ""),
			attribute("primary_bind", config.String, ""),
		}}}},
	}
}

func (r *rendering) haproxyBlock() (haproxyBlock, error) {
	var b haproxyBlock
	err := r.block("haproxy", haproxySchema(), &b)
	if err == nil && len(b.Sockets) == 0 {
		err = usage("router \"haproxy\" has no sockets: name the path for HAProxy's admin socket")
	}
	return b, err
}

// replica is the name of the section for reads.
func (b haproxyBlock) replica() string {
	if b.Replica == "" {
		return "replica"
	}
	return b.Replica
}

// writePort is where HAProxy takes connections for the primary.
func (b haproxyBlock) writePort() string {
	if _, port, err := net.SplitHostPort(b.File.Bind); err == nil {
		return port
	}
	return render.WritePort
}

// replicaCheck asks for what the plugin wants of a replica.
func (b haproxyBlock) replicaCheck() string {
	filter := url.Values{}
	if b.MaxLag != nil {
		filter.Set("lag", config.FormatSize(*b.MaxLag))
	}
	for tag, value := range b.Tags {
		filter.Set("tag_"+tag, value)
	}
	return (&url.URL{Path: "/replica", RawQuery: filter.Encode()}).String()
}

// keepalivedBlock is router "keepalived", made up by what else is configured if it is missing.
type keepalivedBlock struct {
	VIP       string `json:"vip"`
	Follow    string `json:"follow"`
	TrackFile string `json:"track_file"`
	Backend   string `json:"haproxy_backend"`
}

const followHAProxy = "haproxy"

func keepalivedSchema() config.Block {
	return config.Block{Attributes: []config.Attribute{
		attribute("vip", config.String, ""),
		attribute("follow", config.String, `"primary"`),
		attribute("track_file", config.String, `"/run/pgvigil/keepalived/vrrp"`),
		attribute("haproxy_backend", config.String, ""),
	}}
}

func (r *rendering) keepalivedBlock() (keepalivedBlock, error) {
	var b keepalivedBlock
	err := r.block("keepalived", keepalivedSchema(), &b)
	switch {
	case err != nil:
	case r.missing("keepalived") && !r.missing("haproxy"):
		var h haproxyBlock
		h, err = r.haproxyBlock()
		b.Follow, b.Backend = followHAProxy, h.Primary
	case b.Follow == followHAProxy && b.Backend == "":
		err = usage("router \"keepalived\" follows HAProxy: name the section that leads to the primary in haproxy_backend")
	}
	return b, err
}

// backend is the section that the VIP follows; empty when it follows the primary.
func (b keepalivedBlock) backend() string {
	if b.Follow == followHAProxy {
		return b.Backend
	}
	return ""
}

// vip is the virtual address by the command line, which may add a prefix length, or by the block.
func (b keepalivedBlock) vip(given string) (string, error) {
	if given == "" {
		given = b.VIP
	}
	if given == "" {
		return "", usage("no virtual address: give --vip ADDRESS, or write router \"keepalived\" { vip = \"ADDRESS\" }")
	}
	address, err := netip.ParseAddr(given)
	if prefix, bad := netip.ParsePrefix(given); bad == nil {
		address, err = prefix.Addr(), nil
	}
	if err != nil {
		return "", usage("virtual address %q: want an address, such as 10.0.0.100 or 10.0.0.100/24", given)
	}
	if own, bad := netip.ParseAddr(b.VIP); bad == nil && own != address {
		return "", usage("--vip %s, and router \"keepalived\" has vip = %q: the plugin looks after that one", given, b.VIP)
	}
	return given, nil
}

// pgbouncerBlock is router "pgbouncer".
type pgbouncerBlock struct {
	Consoles []string `json:"consoles"`
	File     struct {
		Path string `json:"path"`
	} `json:"databases_file"`
}

func pgbouncerSchema() config.Block {
	return config.Block{
		Attributes: []config.Attribute{attribute("consoles", config.StringList, `["host=/run/postgresql user=pgvigil"]`)},
		Blocks: []config.NestedBlock{{Type: "databases_file", Body: config.Block{Attributes: []config.Attribute{
			attribute("path", config.String, ""),
		}}}},
	}
}

func (r *rendering) pgbouncerBlock() (pgbouncerBlock, error) {
	var b pgbouncerBlock
	err := r.block("pgbouncer", pgbouncerSchema(), &b)
	if err == nil && len(b.Consoles) == 0 {
		err = usage("router \"pgbouncer\" has no consoles: name that of each PgBouncer, such as \"host=/run/postgresql user=pgvigil\"")
	}
	return b, err
}

// console is where the console of a PgBouncer is: of one with a Unix socket if there is one.
func (b pgbouncerBlock) console() (dir string, port uint16, user string) {
	dir, port, user = "/run/postgresql", 6432, "pgbouncer"
	at := max(0, slices.IndexFunc(b.Consoles, func(c string) bool { return strings.Contains(c, "host=/") }))
	for _, setting := range strings.Fields(b.Consoles[at]) {
		name, value, _ := strings.Cut(setting, "=")
		switch name {
		case "host":
			if strings.HasPrefix(value, "/") {
				dir = value
			}
		case "port":
			if n, err := strconv.ParseUint(value, 10, 16); err == nil {
				port = uint16(n)
			}
		case "user":
			user = value
		}
	}
	return dir, port, user
}

func etcdSchema() config.Block {
	return config.Block{Attributes: []config.Attribute{attribute("endpoints", config.StringList, "")}}
}

// etcdPeers are the members of etcd by the endpoints in dcs "etcd", and their scheme. A member is named for its host: so
// the names agree on all hosts, also before pgvigil runs.
func (r *rendering) etcdPeers() ([]render.EtcdMember, string, error) {
	if r.cfg.DCS.Name != "etcd" {
		return nil, "", usage("the cluster's state is kept by dcs %q, not by etcd", r.cfg.DCS.Name)
	}
	var b struct {
		Endpoints []string `json:"endpoints"`
	}
	if err := r.decode(r.cfg.DCS, etcdSchema(), &b); err != nil {
		return nil, "", err
	}
	var peers []render.EtcdMember
	scheme := ""
	for _, text := range b.Endpoints {
		u, err := url.Parse(text)
		if err != nil || !configurable.MatchString(u.Hostname()) || u.Port() == "" || scheme != "" && u.Scheme != scheme {
			return nil, "", usage("endpoint %q of dcs \"etcd\": want scheme, host and port, and the same scheme for all", text)
		}
		scheme = u.Scheme
		peers = append(peers, render.EtcdMember{Name: u.Hostname(), Host: u.Hostname(), Port: u.Port()})
	}
	if peers == nil {
		return nil, "", usage("dcs \"etcd\" has no endpoints: list the client URL of each member of etcd")
	}
	return peers, scheme, nil
}

// etcdPorts are the ports of etcd on the members' hosts; none where it runs elsewhere.
func (r *rendering) etcdPorts(members []render.Member) ([]string, error) {
	embedded, diags := r.cfg.Embedded()
	switch {
	case diags.HasErrors():
		return nil, r.app.unusable(diags)
	case embedded != nil:
		return []string{portOf(embedded.ListenClient), portOf(embedded.ListenPeer)}, nil
	case r.cfg.DCS.Name != "etcd":
		return nil, nil
	}
	peers, _, err := r.etcdPeers()
	for _, p := range peers {
		if slices.ContainsFunc(members, func(m render.Member) bool { return m.Host == p.Host }) {
			return []string{p.Port, render.EtcdPeerPort}, err
		}
	}
	return nil, err
}

// portOf is the port of a URL that the configuration's check has seen.
func portOf(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return ""
	}
	return u.Port()
}
