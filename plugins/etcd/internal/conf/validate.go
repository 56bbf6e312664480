// SPDX-License-Identifier: Apache-2.0

package conf

import (
	"fmt"
	"maps"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/pgvigil/pgvigil/plugins/sdk"
	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
)

// Validate checks what the schema cannot say. It reads the files named and contacts nobody.
func Validate(b Body) []*pluginv1.Diagnostic {
	var found []*pluginv1.Diagnostic
	if b.Embedded != nil {
		found = b.Embedded.validate()
	}
	if sdk.HasErrors(found) {
		return found // the endpoints come from there
	}
	found = append(found, b.validateEndpoints()...)
	found = append(found, b.validateUser()...)
	found = append(found, b.TLS.validate("tls")...)
	if b.TLS != nil && b.TLS.InsecureSkipVerify {
		found = append(found, sdk.Warnf(sdk.Path("tls", "insecure_skip_verify"), "server certificates are not checked", "Whoever stands between this host and etcd can decide who is primary. Set ca_file instead."))
	}
	return found
}

func (b Body) validateEndpoints() []*pluginv1.Diagnostic {
	if len(b.Endpoints) == 0 {
		return []*pluginv1.Diagnostic{sdk.Errorf(sdk.Path("endpoints"), "no endpoints", "List the client URLs of the etcd members, or add an embedded block.")}
	}
	var found []*pluginv1.Diagnostic
	schemes, seen := map[string]bool{}, map[string]bool{}
	for i, raw := range b.Endpoints {
		path := sdk.Path("endpoints", strconv.Itoa(i))
		u, err := parseURL(raw)
		switch {
		case err != nil:
			found = append(found, sdk.Errorf(path, "invalid endpoint", "%v.", err))
			continue
		case seen[u.Host]:
			found = append(found, sdk.Errorf(path, "endpoint listed twice", "%s stands in the list already.", raw))
		}
		seen[u.Host], schemes[u.Scheme] = true, true
	}
	return append(found, b.validateSchemes(schemes)...)
}

func (b Body) validateSchemes(schemes map[string]bool) []*pluginv1.Diagnostic {
	var found []*pluginv1.Diagnostic
	if len(schemes) > 1 {
		found = append(found, sdk.Errorf(sdk.Path("endpoints"), "mixed schemes", "Either all endpoints are https or all are http."))
	}
	if b.TLS != nil && schemes["http"] {
		found = append(found, sdk.Errorf(sdk.Path("tls"), "TLS without https", "The endpoints are http, so the tls block would not be used. Write https:// in endpoints, or remove the block."))
	}
	if b.Username != "" && schemes["http"] {
		found = append(found, sdk.Warnf(sdk.Path("username"), "password without TLS", "The password crosses the network in the clear. Use https endpoints."))
	}
	return found
}

func (b Body) validateUser() []*pluginv1.Diagnostic {
	switch {
	case b.Password != "" && b.PasswordFile != "":
		return []*pluginv1.Diagnostic{sdk.Errorf(sdk.Path("password"), "two passwords", "Set password or password_file, not both.")}
	case b.Username == "" && (b.Password != "" || b.PasswordFile != ""):
		return []*pluginv1.Diagnostic{sdk.Errorf(sdk.Path("username"), "password without user", "Set username as well.")}
	case b.Username != "" && b.Password == "" && b.PasswordFile == "":
		return []*pluginv1.Diagnostic{sdk.Errorf(sdk.Path("username"), "user without password", "Set password_file as well, or leave username out when the client certificate names the user.")}
	}
	password, err := b.password()
	switch {
	case err != nil:
		return []*pluginv1.Diagnostic{sdk.Errorf(sdk.Path("password_file"), "unreadable file", "%v.", err)}
	case b.Username != "" && password == "":
		return []*pluginv1.Diagnostic{sdk.Errorf(sdk.Path("password_file"), "empty password", "%s holds nothing.", b.PasswordFile)}
	}
	return nil
}

// validate checks one tls block; block is its name in the body.
func (t *TLS) validate(path ...string) []*pluginv1.Diagnostic {
	if t == nil {
		return nil
	}
	if (t.CertFile == "") != (t.KeyFile == "") {
		return []*pluginv1.Diagnostic{sdk.Errorf(path, "half a key pair", "cert_file and key_file belong together.")}
	}
	if _, err := t.config(); err != nil {
		return []*pluginv1.Diagnostic{sdk.Errorf(path, "unusable certificate", "%v.", err)}
	}
	return nil
}

func (e *Embedded) validate() []*pluginv1.Diagnostic {
	var found []*pluginv1.Diagnostic
	if n := len(e.Members); n < 1 || n > 5 {
		found = append(found, sdk.Errorf(sdk.Path("embedded", "members"), "unsuitable number of members", "There are %d; one to five are possible, three or five survive the loss of one.", n))
	} else if n == 2 || n == 4 {
		found = append(found, sdk.Warnf(sdk.Path("embedded", "members"), "even number of members", "%d members survive no more losses than %d.", n, n-1))
	}
	if _, ok := e.Members[e.Name]; !ok {
		found = append(found, sdk.Errorf(sdk.Path("embedded", "name"), "not among the members", "There is no member %q in members (%s).", e.Name, strings.Join(slices.Sorted(maps.Keys(e.Members)), ", ")))
	}
	if e.Election < 5*e.Heartbeat {
		found = append(found, sdk.Errorf(sdk.Path("embedded", "election"), "election too short", "It must be at least five heartbeats, %s.", 5*e.Heartbeat))
	}
	return append(append(found, e.validateURLs()...), e.PeerTLS.validate("embedded", "peer_tls")...)
}

func (e *Embedded) validateURLs() []*pluginv1.Diagnostic {
	var found []*pluginv1.Diagnostic
	check := func(raw string, path ...string) {
		if _, err := parseURL(raw); err != nil {
			found = append(found, sdk.Errorf(path, "invalid URL", "%v.", err))
		}
	}
	check(e.ListenClient, "embedded", "listen_client")
	check(e.ListenPeer, "embedded", "listen_peer")
	for _, name := range slices.Sorted(maps.Keys(e.Members)) {
		check(e.Members[name], "embedded", "members", name)
	}
	return found
}

// parseURL wants http or https, a host and a port, and nothing else.
func parseURL(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("%q is not a URL such as http://10.0.0.1:2379", raw)
	}
	if host, port, err := net.SplitHostPort(u.Host); err != nil || host == "" || port == "" {
		return nil, fmt.Errorf("%q needs a host and a port, such as http://10.0.0.1:2379", raw)
	}
	if strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.User != nil {
		return nil, fmt.Errorf("%q has more in it than scheme, host and port", raw)
	}
	return u, nil
}
