// SPDX-License-Identifier: Apache-2.0

package etcdtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/pgvigil/pgvigil/plugins/sdk/plugintest"
)

// Certificates are PEM files of one certificate authority: for servers named "etcd.test", and for a client.
type Certificates struct {
	CA                    string
	ServerCert, ServerKey string
	ClientCert, ClientKey string
}

// ServerName stands in the servers' certificate.
const ServerName = "etcd.test"

// NewCertificates makes the files; they are removed when the test ends.
func NewCertificates(t testing.TB) *Certificates {
	t.Helper()
	a := &authority{t: t, dir: plugintest.Dir(t)}
	a.key = a.newKey()
	a.cert = &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	c := &Certificates{CA: a.sign("ca.pem", a.cert, a.key)}
	c.ServerCert, c.ServerKey = a.issue("server", x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth)
	c.ClientCert, c.ClientKey = a.issue("client", x509.ExtKeyUsageClientAuth)
	return c
}

func (c *Certificates) client(t testing.TB) *tls.Config {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(c.ClientCert, c.ClientKey)
	if err != nil {
		t.Fatalf("client certificate: %v", err)
	}
	// The servers' certificate has a name and no addresses, and this client library insists on the address.
	return &tls.Config{Certificates: []tls.Certificate{pair}, InsecureSkipVerify: true}
}

type authority struct {
	t    testing.TB
	dir  string
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

func (a *authority) newKey() *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatalf("key: %v", err)
	}
	return key
}

func (a *authority) issue(name string, usage ...x509.ExtKeyUsage) (cert, key string) {
	k := a.newKey()
	cert = a.sign(name+".pem", &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{ServerName}, KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: usage,
	}, k)
	der, err := x509.MarshalECPrivateKey(k)
	if err != nil {
		a.t.Fatalf("key: %v", err)
	}
	return cert, a.write(name+".key", "EC PRIVATE KEY", der)
}

func (a *authority) sign(file string, cert *x509.Certificate, key *ecdsa.PrivateKey) string {
	der, err := x509.CreateCertificate(rand.Reader, cert, a.cert, key.Public(), a.key)
	if err != nil {
		a.t.Fatalf("certificate: %v", err)
	}
	return a.write(file, "CERTIFICATE", der)
}

func (a *authority) write(file, kind string, der []byte) string {
	path := filepath.Join(a.dir, file)
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		a.t.Fatalf("certificate file: %v", err)
	}
	return path
}
