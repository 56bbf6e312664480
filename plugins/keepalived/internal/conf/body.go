// SPDX-License-Identifier: Apache-2.0

package conf

import (
	"net"
	"net/netip"
	"path/filepath"
	"strings"

	"github.com/pgvigil/pgvigil/plugins/sdk"
	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
)

// Body is the decoded block; its members are described in the schema.
type Body struct {
	VIP            netip.Addr `json:"vip"`
	Follow         string     `json:"follow"`
	TrackFile      string     `json:"track_file"`
	HAProxySocket  string     `json:"haproxy_socket"`
	HAProxyBackend string     `json:"haproxy_backend"`
}

// Decode reads a body and tells what is wrong with it. With an error among the diagnostics the body is of no use.
func Decode(c sdk.Config) (Body, []*pluginv1.Diagnostic) {
	var raw struct {
		Body
		VIP string `json:"vip"`
	}
	if err := c.Decode(&raw); err != nil {
		return Body{}, []*pluginv1.Diagnostic{sdk.Errorf(sdk.Path(), "body cannot be read", "%v.", err)}
	}
	b := raw.Body
	vip, err := netip.ParseAddr(raw.VIP)
	if err != nil {
		return b, []*pluginv1.Diagnostic{sdk.Errorf(sdk.Path("vip"), "not an address",
			"Write the address alone, such as \"10.0.0.100\": no name, no prefix length.")}
	}
	b.VIP = vip
	return b, append(b.checkVIP(), b.checkPaths()...)
}

func (b Body) checkVIP() []*pluginv1.Diagnostic {
	if b.VIP.IsUnspecified() || b.VIP.IsLoopback() || b.VIP.IsMulticast() {
		return []*pluginv1.Diagnostic{sdk.Errorf(sdk.Path("vip"), "not an address that can move",
			"%s is none that hosts can share.", b.VIP)}
	}
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return nil // nothing is known against it
	}
	for _, a := range addrs {
		if n, ok := a.(*net.IPNet); ok && n.Contains(b.VIP.AsSlice()) {
			return nil
		}
	}
	return []*pluginv1.Diagnostic{sdk.Warnf(sdk.Path("vip"), "no interface in its network",
		"No interface of this host has an address in the network of %s. If it is not routed here on purpose, correct it.", b.VIP)}
}

func (b Body) checkPaths() []*pluginv1.Diagnostic {
	var found []*pluginv1.Diagnostic
	if !isPath(b.TrackFile) {
		found = append(found, sdk.Errorf(sdk.Path("track_file"), "not an absolute path of a file",
			"Begin it with a slash, and end it with a file's name."))
	}
	if b.Follow != FollowHAProxy {
		return found
	}
	if !isPath(b.HAProxySocket) {
		found = append(found, sdk.Errorf(sdk.Path("haproxy_socket"), "not an absolute path of a socket",
			"Write the path that stands in HAProxy's \"stats socket\" line."))
	}
	if b.HAProxyBackend == "" || strings.ContainsAny(b.HAProxyBackend, " \t\r\n;<\x00") {
		found = append(found, sdk.Errorf(sdk.Path("haproxy_backend"), "not the name of a backend",
			"With follow = \"haproxy\", name the backend or listen section of HAProxy that leads to the primary."))
	}
	return found
}

func isPath(p string) bool {
	return filepath.IsAbs(p) && !strings.HasSuffix(p, "/") && !strings.ContainsRune(p, 0)
}
