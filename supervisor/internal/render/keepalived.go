// SPDX-License-Identifier: Apache-2.0

package render

import (
	"hash/fnv"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
)

// Keepalived is the Keepalived of one host.
type Keepalived struct {
	Cluster
	// Suggest tells that pgvigil's configuration has no block for it yet: the text then shows one.
	Suggest bool
	// Self is the member on that host.
	Self Member
	// VIP is the virtual address, with or without a prefix length.
	VIP       string
	Interface string
	// Backend is the section of HAProxy that the VIP follows; empty when it follows the primary.
	Backend   string
	TrackFile string
}

// String is keepalived.conf.
func (k Keepalived) String() string { return fill(keepalivedText, k) }

// Address is the VIP without its prefix length.
func (k Keepalived) Address() string {
	address, _, _ := strings.Cut(k.VIP, "/")
	return address
}

// RouterID tells the VIPs on one network apart: 1 to 255, the same on all hosts.
func (k Keepalived) RouterID() int {
	h := fnv.New32a()
	h.Write([]byte(k.Name))
	return int(h.Sum32()%255) + 1
}

// Priority is another on each host. The least and the greatest differ by less than the weight of a step of the track
// file, and with three steps the greatest stays below 255.
func (k Keepalived) Priority() int {
	step := 20
	if n := len(k.Members); n > 3 {
		step = 59 / (n - 1)
	}
	before := slices.IndexFunc(k.Members, func(m Member) bool { return m.Name == k.Self.Name })
	return 10 + step*(len(k.Members)-1-before)
}

// Unicast tells whether the hosts can speak to each other directly: all by addresses of the VIP's family.
func (k Keepalived) Unicast() bool {
	vip, err := netip.ParseAddr(k.Address())
	return err == nil && len(k.Members) > 1 && k.addresses(vip.Is4())
}

// Peers are the other members.
func (k Keepalived) Peers() []Member { return k.others(k.Self.Name) }

// Dirs are the directories that must be there before Keepalived starts: below /run all, else that of the file.
func (k Keepalived) Dirs() []string {
	dir := filepath.Dir(k.TrackFile)
	var dirs []string
	for strings.HasPrefix(dir, "/run/") {
		dirs = append(dirs, dir)
		dir = filepath.Dir(dir)
	}
	if dirs == nil {
		return []string{dir}
	}
	slices.Reverse(dirs)
	return dirs
}

const keepalivedText = `# Keepalived for the cluster "{{.Name}}", on {{.Self.Name}}: /etc/keepalived/keepalived.conf
# The hosts' files differ in router_id, priority and addresses. Check it with: keepalived -t -f /etc/keepalived/keepalived.conf
#
# The directory of the track file must be there before Keepalived starts, or the VIP comes up without asking anybody.
{{- if eq .TrackFile "/run/pgvigil/keepalived/vrrp"}} pgvigil's
# package has it made, by /usr/lib/tmpfiles.d/pgvigil.conf.
{{- else}} In
# /etc/tmpfiles.d/pgvigil-keepalived.conf, followed by systemd-tmpfiles --create:
#
{{- range .Dirs}}
#   d {{.}} 0755 {{$.User}} {{$.User}} -
{{- end}}
{{- end}}
{{- if .Suggest}}
#
# pgvigil's configuration needs this block:
#
#   router "keepalived" {
#     vip             = "{{.Address}}"
{{- if .Backend}}
#     follow          = "haproxy"
#     haproxy_backend = "{{.Backend}}"
{{- end}}
#   }
{{- end}}

global_defs {
    router_id {{.Self.Name}}
    # Version 2 has no adverts of less than a second.
    vrrp_version 3
}

# pgvigil's plugin writes here whether the VIP may be on this host. Keepalived sees each change at once.
track_file pgvigil {
    file {{.TrackFile}}
}
{{- if .Backend}}
# The same file once more, to compare the hosts: 3 where HAProxy has a route to the primary that is on this very host, 2 where it
# has a route, 1 where it lost that a moment ago.
track_file pgvigil_rank {
    file {{.TrackFile}}
}
{{- end}}

vrrp_instance pgvigil {
    # On every host, and without nopreempt: who is master is said by the track file.
    state BACKUP
    interface {{.Interface}}
    # Made of the cluster's name. No other VRRP on this network may have the same.
    virtual_router_id {{.RouterID}}
{{- if .Backend}}
    # Of hosts with the same number in the track file, the greater takes the VIP. The hosts' priorities differ by less than the
    # weight below, so that a greater number wins.
    priority {{.Priority}}
    # Seconds. The VIP arrives after three of them.
    advert_int 0.2
    # Neighbours ignore news of an address within a second of earlier news: it is repeated.
    garp_master_delay 1
    garp_master_refresh 1
{{- else}}
    # Another on each host; all but one are in fault, so nothing hangs on it.
    priority {{.Priority}}
    # Seconds. The VIP arrives on the new primary after three of them.
    advert_int 0.1
    # Neighbours ignore news of an address within a second of earlier news: it is repeated.
    garp_master_delay 1
    garp_master_refresh 1
{{- end}}
{{- if .Unicast}}
    # Directly from host to host (IP protocol 112), since not every network has multicast. A new member must be added everywhere.
    unicast_src_ip {{.Self.Host}}
    unicast_peer {
{{- range .Peers}}
        {{.Host}}
{{- end}}
    }
{{- else}}
    # By multicast (IP protocol 112). Where the network has none: unicast_src_ip and unicast_peer, which take addresses.
{{- end}}
    virtual_ipaddress {
        {{.VIP}}
    }
    track_file {
        # 0, and a file that is missing, is a fault: the VIP leaves within some 10 ms, and cannot come.
        pgvigil weight 0 reverse
{{- if .Backend}}
        # Added to the priority for each step of the number in the file.
        pgvigil_rank weight 60
{{- end}}
    }
}
`
