// SPDX-License-Identifier: Apache-2.0

package render

import (
	"path/filepath"
	"strings"
)

// HAProxy is an HAProxy that leads to the primary and to the replicas.
type HAProxy struct {
	Cluster
	// Suggest tells that pgvigil's configuration has no block for it yet: the text then shows one.
	Suggest bool
	// Socket is the path of its admin socket.
	Socket string
	// OwnFile is the file in which the plugin keeps the sections for primary and replicas; empty where they stand in the
	// main configuration.
	OwnFile          string
	Primary, Replica Section
	// TLS is nil where the REST interface speaks plain HTTP.
	TLS *CheckTLS
}

// Section is a listen section.
type Section struct {
	Name string
	// Check is path and query of the health check.
	Check string
	// Cut has sessions end when their server leaves.
	Cut bool
	// Pushed tells that pgvigil's plugin moves the servers, too.
	Pushed bool
}

// CheckTLS is how the health checks speak to REST interfaces with HTTPS.
type CheckTLS struct {
	// CAFile has the authorities of the interfaces' certificates; empty verifies nothing.
	CAFile string
	// ClientCert is the file with certificate and key to show; empty for none.
	ClientCert string
}

// WritePort is the port for writes.
const WritePort = "5000"

// String is haproxy.cfg.
func (h HAProxy) String() string { return fill(haproxyText, h) }

// Any is the bind address for all of the host's addresses.
func (h HAProxy) Any() string {
	if h.IPv6() {
		return "[::]"
	}
	return "*"
}

// OwnDir is the directory of OwnFile.
func (h HAProxy) OwnDir() string { return filepath.Dir(h.OwnFile) }

// CheckAddress is the address of a member's REST interface where that is not its PostgreSQL's, else empty.
func (m Member) CheckAddress() string {
	switch {
	case m.APIHost == m.Host:
		return ""
	case strings.Contains(m.APIHost, ":"):
		return "[" + m.APIHost + "]"
	}
	return m.APIHost
}

const haproxyText = `# HAProxy for the cluster "{{.Name}}": /etc/haproxy/haproxy.cfg, the same on every host that runs it.
# Check it with: haproxy -c -f /etc/haproxy/haproxy.cfg
# Where SELinux enforces, HAProxy may connect to these ports after: setsebool -P haproxy_connect_any on
{{- if .Suggest}}
#
# With this block in pgvigil's configuration, clients are moved in milliseconds instead of with the next checks:
#
#   router "haproxy" {
#     replica_backend = "{{.Replica.Name}}"
#     max_lag         = "16MB"
#   }
{{- end}}

global
    # To standard output, which systemd leads to the journal, also out of the chroot.
    log stdout format short daemon
    chroot /var/lib/haproxy
    user haproxy
    group haproxy
    # Here pgvigil's plugin moves the servers: it must be in this group, and needs level admin.
    stats socket {{.Socket}} mode 660 group {{.User}} level admin

defaults
    log global
    mode tcp
    option tcplog
    # No lines for connections without data, such as port scans.
    option dontlognull
    timeout connect 4s
    # Sessions of pools are idle for long; TCP keepalive finds peers that are gone.
    timeout client 1d
    timeout server 1d
    option clitcpka
    option srvtcpka
    # How long a health check may take.
    timeout check 2s
{{- if .OwnFile}}

# Writes{{with .Replica.Name}} and reads{{end}}: see {{.OwnFile}}, which pgvigil's plugin keeps. HAProxy must load that directory, too.
# Debian, in /etc/default/haproxy: EXTRAOPTS="-S /run/haproxy-master.sock -f {{.OwnDir}}"
{{- else}}

# Writes: the one server that is up is the primary.
listen {{.Primary.Name}}
    bind {{.Any}}:5000
    # pgvigil answers 200 on the host whose leadership is in force, by its own clock, and 503 elsewhere.
    option httpchk OPTIONS {{.Primary.Check}}
    http-check expect status 200
    # A client whose connection the server refuses is told at once: HAProxy would hold it for a second, to try that server again.
    retries 0
    # inter: while all is well; fastinter: while a state is changing; downinter: of servers that are down.
{{- if .TLS}}
    # check-ssl: the REST interface speaks HTTPS.
{{- if .TLS.ClientCert}} It asks for a certificate: crt is a file with certificate and key.{{end}}
{{- end}}
{{- if .Primary.Cut}}
    # on-marked-down: sessions on an old primary end at once, what they wrote there would be lost.
{{- end}}
    default-server inter 2s fastinter 200ms downinter 500ms fall 3 rise 2
{{- if .Primary.Cut}} on-marked-down shutdown-sessions{{end}}{{template "tls" .}}
    # Names as in pgvigil list: by them the plugin knows whom it moves.
{{- template "servers" .}}

# Reads: running standbys that fulfil the check. (OPTIONS /read-only instead lets the primary serve reads, too.)
{{- if not (or .Replica.Pushed .Suggest)}}
# pgvigil's plugin leaves these to their checks until router "haproxy" has replica_backend = "{{.Replica.Name}}".
{{- end}}
listen {{.Replica.Name}}
    bind {{.Any}}:5001
    balance leastconn
    option httpchk OPTIONS {{.Replica.Check}}
    http-check expect status 200
{{- if not .Replica.Cut}}
    # No on-marked-down shutdown-sessions: a query that runs on a standby may finish when the standby falls behind.
{{- end}}
    default-server inter 2s fastinter 200ms downinter 500ms fall 3 rise 2
{{- if .Replica.Cut}} on-marked-down shutdown-sessions{{end}}{{template "tls" .}}
{{- template "servers" .}}
{{- end}}

# Statistics, for people and Prometheus. Who reaches this port can read them: see the firewall.
listen statistics
    bind {{.Any}}:7000
    mode http
    option httplog
    # Errors alone.
    option dontlog-normal
    timeout client 30s
    timeout server 30s
    # Where HAProxy was built with it:
    # http-request use-service prometheus-exporter if { path /metrics }
    stats enable
    stats uri /
    stats refresh 5s
    # stats auth USER:PASSWORD
{{define "servers"}}
{{- range .Members}}
    server {{.Name}} {{.Address}} check {{with .CheckAddress}}addr {{.}} {{end}}port {{.APIPort}}
{{- end}}
{{- end}}
{{- define "tls"}}
{{- with .TLS}} check-ssl {{if .CAFile}}verify required ca-file {{.CAFile}}{{else}}verify none{{end}}{{with .ClientCert}} crt {{.}}{{end}}{{end}}
{{- end}}`
