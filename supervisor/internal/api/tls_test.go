// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/pgvigil/pgvigil/supervisor/internal/api"
	"github.com/pgvigil/pgvigil/supervisor/internal/api/apitest"
	"github.com/pgvigil/pgvigil/supervisor/internal/status"
)

// authority signs certificates for 127.0.0.1.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "ca"}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	a.cert, a.key, a.pem = sign(t, template, nil)
	return a
}

// sign makes a key and a certificate for it; a nil parent signs itself.
func sign(t *testing.T, template *x509.Certificate, by *authority) (*x509.Certificate, *ecdsa.PrivateKey, []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	parent, signer := template, key
	if by != nil {
		parent, signer = by.cert, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert, key, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// issue makes a certificate and its key as PEM.
func (a *authority) issue(t *testing.T, name string) (cert, key []byte) {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	_, private, cert := sign(t, template, a)
	der, err := x509.MarshalECPrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return cert, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})
}

func write(t *testing.T, file string, content []byte) {
	t.Helper()
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func (a *authority) files(t *testing.T, name string) api.TLS {
	t.Helper()
	dir := t.TempDir()
	files := api.TLS{CertFile: filepath.Join(dir, "cert"), KeyFile: filepath.Join(dir, "key"), ClientCAFile: filepath.Join(dir, "ca")}
	cert, key := a.issue(t, name)
	write(t, files.CertFile, cert)
	write(t, files.KeyFile, key)
	write(t, files.ClientCAFile, a.pem)
	return files
}

// client trusts the authority, shows a certificate if it is to, and connects anew each time.
func (a *authority) client(t *testing.T, certified bool) *http.Client {
	t.Helper()
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	config := &tls.Config{RootCAs: pool}
	if certified {
		pair, err := tls.X509KeyPair(a.issue(t, "operator"))
		if err != nil {
			t.Fatal(err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return &http.Client{Transport: &http.Transport{TLSClientConfig: config, DisableKeepAlives: true}}
}

func TestClientCertificates(t *testing.T) {
	a := newAuthority(t)
	for _, c := range []struct {
		verify    api.Verify
		certified bool
		get, post int // 0: no connection
	}{
		{"", false, 200, 202},
		{api.VerifyNone, false, 200, 202},
		{api.VerifyOptional, false, 200, 403},
		{api.VerifyOptional, true, 200, 202},
		{api.VerifyRequired, false, 0, 0},
		{api.VerifyRequired, true, 200, 202},
	} {
		files, source, took := a.files(t, "server"), published(apitest.Primary()), status.Request{}
		files.Verify = c.verify
		server := open(t, api.Config{Source: source, Operator: accepting(source, &took), TLS: &files, Auth: api.Auth{Verify: c.verify}})
		client := a.client(t, c.certified)
		get := code(client.Get(fmt.Sprintf("https://%s/primary", server.Addr())))
		post := code(client.Post(fmt.Sprintf("https://%s/switchover?wait=false", server.Addr()), "application/json", nil))
		if get != c.get || post != c.post {
			t.Errorf("verify %q, certified %t: got %d and %d, want %d and %d", c.verify, c.certified, get, post, c.get, c.post)
		}
		if c.certified && c.post == 202 && took.By != "operator@127.0.0.1" {
			t.Errorf("asked by %q", took.By)
		}
	}
}

func code(r *http.Response, err error) int {
	if err != nil {
		return 0
	}
	r.Body.Close()
	return r.StatusCode
}

// TestCertificateIsReadAgain replaces the files: first by rubbish, which changes nothing, then by a new pair.
func TestCertificateIsReadAgain(t *testing.T) {
	a := newAuthority(t)
	files := a.files(t, "first")
	server := open(t, api.Config{Source: published(apitest.Primary()), TLS: &files})
	shown := func() string {
		r, err := a.client(t, false).Get(fmt.Sprintf("https://%s/primary", server.Addr()))
		if err != nil {
			t.Fatal(err)
		}
		r.Body.Close()
		return r.TLS.PeerCertificates[0].Subject.CommonName
	}
	cert, key := a.issue(t, "second certificate")
	write(t, files.CertFile, []byte("rubbish"))
	for end := time.Now().Add(1200 * time.Millisecond); time.Now().Before(end); <-time.After(100 * time.Millisecond) {
		if got := shown(); got != "first" {
			t.Fatalf("got %q", got)
		}
	}
	write(t, files.CertFile, cert)
	write(t, files.KeyFile, key)
	deadline := time.Now().Add(10 * time.Second)
	for shown() != "second certificate" {
		if time.Now().After(deadline) {
			t.Fatal("still the first certificate")
		}
		<-time.After(50 * time.Millisecond)
	}
}

func TestUnusableCertificates(t *testing.T) {
	a := newAuthority(t)
	for _, spoil := range []func(*api.TLS){
		func(f *api.TLS) { f.CertFile += ".gone" },
		func(f *api.TLS) { f.KeyFile = f.CertFile },
		func(f *api.TLS) { f.Verify, f.ClientCAFile = api.VerifyRequired, "" },
		func(f *api.TLS) { f.Verify, f.ClientCAFile = api.VerifyOptional, f.KeyFile },
	} {
		files := a.files(t, "server")
		spoil(&files)
		s := api.New(api.Config{Source: published(nil), TLS: &files})
		if err := s.Serve(listener(t)); err == nil {
			t.Error(errors.Join(errors.New("opened"), s.Close(t.Context())))
		}
	}
}
