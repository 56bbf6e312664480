// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"maps"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Embedded is this host's member of the DCS that pgvigil runs itself: the embedded block of dcs "etcd".
type Embedded struct {
	// Cluster and Namespace are pgvigil's.
	Cluster, Namespace string
	// Name is this member's, a key of Members.
	Name string
	// DataDir is absolute.
	DataDir string
	// ListenClient and ListenPeer are URLs.
	ListenClient, ListenPeer string
	// Members are the peer URLs of all members by name, one to five.
	Members map[string]string
	// Endpoints are the client URLs of all members, in the order of their names.
	Endpoints []string
	// Heartbeat and Election are etcd's timers.
	Heartbeat, Election time.Duration
	// QuotaBytes bounds the store, CompactionRetention how long old revisions are kept.
	QuotaBytes          int64
	CompactionRetention time.Duration
	// ClientTLS and PeerTLS are nil for plain HTTP.
	ClientTLS, PeerTLS *EmbeddedTLS
}

// EmbeddedTLS names PEM files. With CAFile the other side must show a certificate.
type EmbeddedTLS struct {
	CertFile, KeyFile, CAFile string
}

// EmbeddedSchema is the schema of the embedded block, for the plugin's to agree with.
func EmbeddedSchema() Block {
	return Block{
		Attributes: []Attribute{
			{Name: "name", Type: String, Description: "Name of this member among members; the cluster's member by default."},
			{Name: "data_dir", Type: String, Required: true, Description: "Directory of its data, such as /var/lib/pgvigil/etcd."},
			{Name: "listen_client", Type: String, Required: true, Description: "URL to listen on for clients."},
			{Name: "listen_peer", Type: String, Required: true, Description: "URL to listen on for the other members."},
			{Name: "members", Type: StringMap, Required: true, Description: "Peer URL of every member, by name."},
			{Name: "heartbeat", Type: Duration, Default: nanoseconds(50 * time.Millisecond), Minimum: bound(10 * time.Millisecond), Maximum: bound(5 * time.Second), Description: "Time between two heartbeats of its leader."},
			{Name: "election", Type: Duration, Default: nanoseconds(500 * time.Millisecond), Minimum: bound(50 * time.Millisecond), Maximum: bound(50 * time.Second), Description: "Silence after which a new leader is elected; at least five heartbeats."},
			{Name: "quota", Type: Size, Default: "536870912", Minimum: bound(16 << 20), Maximum: bound(8 << 30), Description: "Largest size of its store."},
			{Name: "auto_compaction", Type: Duration, Default: nanoseconds(time.Hour), Minimum: bound(time.Minute), Maximum: bound(30 * 24 * time.Hour), Description: "How long old revisions are kept."},
		},
		Blocks: []NestedBlock{{Type: "peer_tls", Body: embeddedTLSSchema(), Description: "Encrypts the traffic between members."}},
	}
}

func embeddedTLSSchema() Block {
	return Block{Attributes: []Attribute{
		{Name: "cert_file", Type: String, Required: true, Description: "PEM file of the certificate and its chain."},
		{Name: "key_file", Type: String, Required: true, Description: "PEM file of the certificate's key."},
		{Name: "ca_file", Type: String, Description: "PEM file of the authorities of the other side."},
	}}
}

// Embedded decodes the embedded block of dcs "etcd" without the plugin. It is nil where there is none, and
// with an error among the diagnostics.
func (c *Config) Embedded() (*Embedded, *Diagnostics) {
	diags := &Diagnostics{sources: c.sources}
	d := c.loader.decoder(c.sources, diags)
	schema := Block{partial: true, Blocks: []NestedBlock{{Type: "embedded", Body: EmbeddedSchema()}}}
	b := d.body(&schema, c.DCS.bodyOf(), c.DCS.header, "").first("embedded")
	if b == nil {
		return nil, diags
	}
	e := d.embedded(c, b)
	e.ClientTLS = d.clientTLS(c)
	d.embeddedSchemes(e, b)
	if diags.finish().HasErrors() {
		return nil, diags
	}
	return e, diags
}

func (d *decoder) embedded(c *Config, b *decoded) *Embedded {
	e := &Embedded{
		Cluster: c.Cluster.Name, Namespace: c.Cluster.Namespace,
		Name: b.text("name"), DataDir: b.text("data_dir"),
		ListenClient: b.text("listen_client"), ListenPeer: b.text("listen_peer"),
		Members:   b.object("members"),
		Heartbeat: b.duration("heartbeat"), Election: b.duration("election"),
		QuotaBytes: b.whole("quota"), CompactionRetention: b.duration("auto_compaction"),
		PeerTLS: tlsOf(b.first("peer_tls")),
	}
	if !b.seen["name"] {
		e.Name = c.Cluster.Member
	}
	if b.set("data_dir") && !filepath.IsAbs(e.DataDir) {
		d.diags.errorf(b.at("data_dir"), `"data_dir" must be an absolute path`, "A relative path would depend on where the daemon is started.")
	}
	if b.set("members") {
		d.embeddedMembers(e, b)
	}
	if _, timed := b.value("heartbeat"); timed && b.seen["election"] && b.set("election") && e.Election < 5*e.Heartbeat {
		d.diags.errorf(b.at("election"), "election is too short",
			"It must be at least five heartbeats (%s), or a single late packet starts an election.", 5*e.Heartbeat)
	}
	e.Endpoints = endpoints(e)
	return e
}

// embeddedMembers checks the list of members against this one.
func (d *decoder) embeddedMembers(e *Embedded, b *decoded) {
	const most = 5
	at, n := b.at("members"), len(e.Members)
	for _, name := range slices.Sorted(maps.Keys(e.Members)) {
		d.embeddedURL(b, "members", name, e.Members[name])
	}
	switch {
	case n == 0 || n > most:
		d.diags.errorf(at, "There must be one to five members", "%d are listed.", n)
	case n%2 == 0:
		d.diags.warnf(at, "An even number of members", "%d members tolerate the loss of %d, as %d would; the additional one is only one more that can fail.", n, (n-1)/2, n-1)
	}
	if _, in := e.Members[e.Name]; !in && n > 0 {
		d.diags.errorf(at, "This member is not among the members", "It is called %q; listed are %s. %s",
			e.Name, quoteAnd(slices.Sorted(maps.Keys(e.Members))), didYouMean(e.Name, slices.Sorted(maps.Keys(e.Members))))
	}
}

// embeddedSchemes checks the URLs to listen on, and that all schemes fit the TLS blocks.
func (d *decoder) embeddedSchemes(e *Embedded, b *decoded) {
	d.embeddedURL(b, "listen_client", "", e.ListenClient)
	d.embeddedURL(b, "listen_peer", "", e.ListenPeer)
	d.scheme(b, "listen_client", e.ListenClient, e.ClientTLS != nil, "a tls block in dcs")
	d.scheme(b, "listen_peer", e.ListenPeer, e.PeerTLS != nil, "a peer_tls block")
	for _, name := range slices.Sorted(maps.Keys(e.Members)) {
		d.scheme(b, "members", e.Members[name], e.PeerTLS != nil, "a peer_tls block")
	}
}

func (d *decoder) embeddedURL(b *decoded, attribute, key, text string) {
	if !b.set(attribute) {
		return
	}
	at := b.at(attribute)
	if v, _ := b.value(attribute); key != "" {
		if r, ok := v.items[key]; ok {
			at = r
		}
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "":
		d.diags.errorf(at, "Not a URL of etcd", "Write scheme, host and port, such as \"http://10.0.0.1:2380\".")
	case u.Port() == "":
		d.diags.errorf(at, "The port is missing", "Clients use 2379 and members 2380 by custom: write it out.")
	case strings.Trim(u.Path, "/") != "" || u.User != nil:
		d.diags.errorf(at, "Too much in the URL", "It has scheme, host and port only.")
	case key != "" && anyHost(u.Hostname()):
		d.diags.errorf(at, "Other members cannot reach that address", "Write the address or name of the host. Only the URLs to listen on may stand for all addresses.")
	}
}

func (d *decoder) scheme(b *decoded, attribute, text string, tls bool, block string) {
	switch {
	case strings.HasPrefix(text, "https://") && !tls:
		d.diags.errorf(b.at(attribute), "https without a certificate", "%s needs %s.", fmt.Sprintf("%q", attribute), block)
	case strings.HasPrefix(text, "http://") && tls:
		d.diags.errorf(b.at(attribute), "http with a certificate", "There is %s, so write https.", block)
	}
}

// endpoints are the clients' URLs of all members: their hosts, with the port and scheme that this member
// listens on for clients.
func endpoints(e *Embedded) []string {
	client, err := url.Parse(e.ListenClient)
	if err != nil {
		return nil
	}
	var out []string
	for _, name := range slices.Sorted(maps.Keys(e.Members)) {
		peer, err := url.Parse(e.Members[name])
		if err != nil {
			continue
		}
		host := peer.Hostname()
		if strings.Contains(host, ":") {
			host = "[" + host + "]"
		}
		out = append(out, client.Scheme+"://"+host+":"+client.Port())
	}
	return out
}

// clientTLS is the tls block of dcs, as far as a server of etcd needs it. What else stands in it is
// the plugin's.
func (d *decoder) clientTLS(c *Config) *EmbeddedTLS {
	body := embeddedTLSSchema()
	body.partial = true
	schema := Block{partial: true, Blocks: []NestedBlock{{Type: "tls", Body: body}}}
	return tlsOf(d.body(&schema, c.DCS.bodyOf(), c.DCS.header, "").first("tls"))
}

func tlsOf(b *decoded) *EmbeddedTLS {
	if b == nil {
		return nil
	}
	return &EmbeddedTLS{CertFile: b.text("cert_file"), KeyFile: b.text("key_file"), CAFile: b.text("ca_file")}
}
