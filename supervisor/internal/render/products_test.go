// SPDX-License-Identifier: Apache-2.0

package render

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.etcd.io/etcd/server/v3/embed"
)

// These tests have the products themselves read what is rendered.

// write writes a text, in which words are replaced, into a file.
func write(t *testing.T, name, text string, replace ...string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(strings.NewReplacer(replace...).Replace(text)), 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

// program is where a product's program is: PGVIGIL_TEST_HAPROXY and the like name others than those of the system.
func program(name string) string {
	if path := os.Getenv("PGVIGIL_TEST_" + strings.ToUpper(name)); path != "" {
		return path
	}
	return "/usr/sbin/" + name
}

// takes runs a product's check of a configuration, which must find nothing to say.
func takes(t *testing.T, program string, args ...string) {
	t.Helper()
	out, err := exec.Command(program, args...).CombinedOutput()
	if err != nil || regexp.MustCompile(`(?i)warning|alert|error|unknown`).Match(out) {
		t.Errorf("%s %s: %v\n%s", program, strings.Join(args, " "), err, out)
	}
}

func TestHAProxy(t *testing.T) {
	ca, client := certificate(t)
	for name, model := range haproxies {
		t.Run(name, func(t *testing.T) {
			file := write(t, name, model.String(), caFile, ca, clientPEM, client, "group pg ", "group postgres ")
			takes(t, program("haproxy"), "-c", "-f", file)
		})
	}
}

// certificate writes a certificate, and the same with its key.
func certificate(t *testing.T) (alone, withKey string) {
	t.Helper()
	server := httptest.NewTLSServer(nil)
	defer server.Close()
	pair := server.TLS.Certificates[0]
	key, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: pair.Certificate[0]})
	both := append(bytes.Clone(cert), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})...)
	return write(t, "ca.crt", string(cert)), write(t, "client.pem", string(both))
}

// Keepalived wants to find its interface: there is one in a network namespace of its own.
func TestKeepalived(t *testing.T) {
	host := "ip link add eth0 type veth peer name eth1 && ip link set eth0 up && exec " + program("keepalived") + " -t -f $0"
	for name, model := range keepaliveds {
		t.Run(name, func(t *testing.T) {
			model.TrackFile = filepath.Join(t.TempDir(), "vrrp")
			takes(t, "unshare", "--net", "sh", "-c", host, write(t, name, model.String()))
		})
	}
}

func TestEtcd(t *testing.T) {
	for name, model := range etcds {
		t.Run(name, func(t *testing.T) {
			cfg, err := embed.ConfigFromFile(write(t, name, model.String()))
			if err != nil {
				t.Fatal(err)
			}
			if err := cfg.Validate(); err != nil {
				t.Fatal(err)
			}
			if cfg.TickMs != 50 || cfg.ElectionMs != 500 || cfg.AutoCompactionRetention != "1h" ||
				!strings.Contains(cfg.InitialCluster, cfg.Name+"=") {
				t.Errorf("read as %+v", cfg)
			}
		})
	}
}

// Two services, each an XML document with the elements that firewalld knows, in a script that a shell understands.
func TestFirewalld(t *testing.T) {
	for name, model := range firewalls {
		t.Run(name, func(t *testing.T) {
			script := model.String()
			takes(t, "/bin/sh", "-n", write(t, name, script))
			services := regexp.MustCompile(`(?s)<< 'XML'\n(.*?)\nXML\n`).FindAllStringSubmatch(script, -1)
			if len(services) != 2 {
				t.Fatalf("%d services", len(services))
			}
			for _, service := range services {
				if err := wellFormed(service[1]); err != nil {
					t.Errorf("%v in\n%s", err, service[1])
				}
			}
		})
	}
}

func wellFormed(document string) error {
	known := map[string]bool{"service": true, "short": true, "description": true, "port": true, "protocol": true}
	d := xml.NewDecoder(strings.NewReader(document))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if e, ok := token.(xml.StartElement); ok && !known[e.Name.Local] {
			return fmt.Errorf("unknown element %s", e.Name.Local)
		}
	}
}

func TestSysctl(t *testing.T) {
	settings := regexp.MustCompile(`(?m)^([a-z0-9_.]+) = \d+$`).FindAllStringSubmatch(Sysctl, -1)
	if len(settings) != 4 {
		t.Fatalf("settings: %v", settings)
	}
	for _, s := range settings {
		if _, err := os.Stat("/proc/sys/" + strings.ReplaceAll(s[1], ".", "/")); err != nil {
			t.Error(err)
		}
	}
}
