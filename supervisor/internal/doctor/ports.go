// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"context"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/pgvigil/pgvigil/supervisor/internal/config"
)

// port is where something of the cluster listens.
type port struct {
	id, protocol string
	// listen is host:port, attribute where that stands.
	listen, attribute string
	// owns tells whether a holder is the one that should have it; running whether it should be there now.
	owns    func(holder) bool
	running bool
	// absent is what to do where it should be there and is not.
	absent string
}

// ports looks who has the addresses that the configuration names.
func (d *Doctor) ports(ctx context.Context, r *report) {
	sockets := map[string][]socket{}
	for _, protocol := range []string{"tcp", "udp"} {
		all, err := bound(protocol)
		if err != nil {
			r.fail("ports."+protocol, "", "what listens on this host cannot be listed: %v", err)
			return
		}
		sockets[protocol] = all
	}
	vip, _ := d.vip()
	for _, p := range d.expected() {
		for _, at := range resolve(ctx, r, p) {
			p.look(r, sockets[p.protocol], at, at.Addr() == vip)
		}
	}
}

// expected lists the ports that the configuration names.
func (d *Doctor) expected() []port {
	runs := d.status() != nil
	supervisor := func(holder) bool { return runs }
	const restart = "systemctl restart pgvigil"
	var all []port
	if d.Config.Postgres.Kind != "" {
		all = append(all, port{"ports.api", "tcp", d.Config.API.Listen, "api.listen", supervisor, runs, restart},
			port{"ports.heartbeats", "udp", d.Config.API.Listen, "api.listen", supervisor, runs, restart})
	}
	if listen := d.server().Listen; listen != "" {
		all = append(all, port{"ports.postgresql", "tcp", listen, "postgres.listen", d.isPostmaster, false, ""})
	}
	for _, bind := range d.haproxyBinds() {
		// Where only the user of the holder can be told, it is taken for HAProxy.
		isHAProxy := func(h holder) bool { return h.pid == 0 || strings.HasPrefix(h.name, "haproxy") }
		all = append(all, port{"ports.haproxy", "tcp", bind, "config_file of router \"haproxy\"", isHAProxy, false, ""})
	}
	if e, _ := d.Config.Embedded(); e != nil {
		isEtcd := func(h holder) bool { return h.pid == 0 || h.name == "pgvigil" }
		for _, listen := range [][2]string{{"embedded.listen_client", e.ListenClient}, {"embedded.listen_peer", e.ListenPeer}} {
			if u, err := url.Parse(listen[1]); err == nil {
				all = append(all, port{"ports.etcd", "tcp", u.Host, listen[0], isEtcd, true,
					"systemctl enable --now pgvigil-dcs"})
			}
		}
	}
	return all
}

// look tells who has an address, which may move to this host only later.
func (p port) look(r *report, sockets []socket, at netip.AddrPort, moves bool) {
	s, is := taken(sockets, at)
	if !is {
		switch {
		case p.running:
			r.warn(p.id, p.absent, "%s %s (%s): nothing listens there", p.protocol, at, p.attribute)
		case !moves && !local(at.Addr()):
			r.fail(p.id, "set "+p.attribute+" to an address of this host",
				"%s (%s): no interface of this host has that address", at, p.attribute)
		default:
			r.ok(p.id, "%s %s (%s) is free", p.protocol, at, p.attribute)
		}
		return
	}
	h := holderOf(s)
	if p.owns(h) {
		r.ok(p.id, "%s %s (%s): %s", p.protocol, at, p.attribute, h)
		return
	}
	r.fail(p.id, "end it, or set "+p.attribute+" to another port", "%s %s (%s) is taken by %s", p.protocol, at, p.attribute, h)
}

// isPostmaster tells whether a process is the server of our data directory.
func (d *Doctor) isPostmaster(h holder) bool {
	text, err := os.ReadFile(filepath.Join(d.Config.Server.DataDir, "postmaster.pid"))
	pid, _, _ := strings.Cut(string(text), "\n")
	return err == nil && strings.TrimSpace(pid) == strconv.Itoa(h.pid)
}

// haproxyBinds are the addresses in the file that the haproxy plugin writes. Names are those of its schema.
func (d *Doctor) haproxyBinds() (binds []string) {
	block, is := d.Config.Router("haproxy")
	if !is {
		return nil
	}
	var b struct {
		File struct {
			Primary string `json:"primary_bind"`
			Replica string `json:"replica_bind"`
		} `json:"config_file"`
	}
	// What is wrong with the block, the plugin says.
	_ = d.Config.DecodePart(block, config.Block{Blocks: []config.NestedBlock{{Type: "config_file", Body: config.Block{
		Attributes: []config.Attribute{{Name: "primary_bind", Type: config.String}, {Name: "replica_bind", Type: config.String}},
	}}}}, &b)
	for _, line := range []string{b.File.Primary, b.File.Replica} {
		if words := strings.Fields(line); len(words) > 0 {
			binds = append(binds, strings.Split(words[0], ",")...)
		}
	}
	return binds
}

// resolve finds the addresses that a port is listened on.
func resolve(ctx context.Context, r *report, p port) (out []netip.AddrPort) {
	at := strings.LastIndexByte(p.listen, ':')
	if at < 0 {
		return nil // a Unix socket
	}
	number, err := strconv.ParseUint(p.listen[at+1:], 10, 16)
	if err != nil {
		return nil // the configuration was checked, so HAProxy knows what that is
	}
	for host := range strings.SplitSeq(p.listen[:at], ",") {
		host = strings.Trim(strings.TrimSpace(host), "[]")
		if host == "" || host == "*" {
			host = "0.0.0.0"
		}
		found, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		if err != nil {
			r.fail(p.id, "set it to an address of this host", "%s (%s): %v", host, p.attribute, err)
		}
		for _, addr := range found {
			out = append(out, netip.AddrPortFrom(addr.Unmap(), uint16(number)))
		}
	}
	return out
}

// local tells whether this host can listen on an address.
func local(addr netip.Addr) bool {
	if addr.IsUnspecified() || addr.IsLoopback() || nonlocal(addr) {
		return true
	}
	own, err := net.InterfaceAddrs()
	if err != nil {
		return true // nothing is known against it
	}
	for _, a := range own {
		if n, ok := a.(*net.IPNet); ok && n.IP.Equal(addr.AsSlice()) {
			return true
		}
	}
	return false
}
