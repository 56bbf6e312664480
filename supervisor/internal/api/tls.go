// SPDX-License-Identifier: Apache-2.0

package api

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// TLS names the files of HTTPS. They are read again when they change.
type TLS struct {
	// CertFile and KeyFile are PEM; the certificate's chain follows it in its file.
	CertFile, KeyFile string
	// ClientCAFile verifies client certificates; empty asks for none.
	ClientCAFile string
	// Verify is who must show one.
	Verify Verify
}

// recheck is how often the files are looked at, at most, when clients connect.
const recheck = time.Second

// keeper holds the TLS configuration made of files, and makes it anew when they change. Files that cannot be used
// leave the last good ones in force.
type keeper struct {
	files TLS
	log   *slog.Logger

	mu      sync.Mutex
	checked time.Time
	stamp   string
	config  *tls.Config
}

func newKeeper(files TLS, log *slog.Logger) *keeper { return &keeper{files: files, log: log} }

// open reads the files for the first time.
func (k *keeper) open() (*tls.Config, error) {
	k.stamp, k.checked = k.files.stamp(), time.Now()
	config, err := k.files.load()
	if err != nil {
		return nil, err
	}
	k.config = config
	return &tls.Config{
		MinVersion:         tls.VersionTLS12,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return k.latest(), nil },
		// Never used: it tells net/http that a certificate will be there.
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &k.latest().Certificates[0], nil },
	}, nil
}

func (k *keeper) latest() *tls.Config {
	k.mu.Lock()
	defer k.mu.Unlock()
	if now := time.Now(); now.Sub(k.checked) >= recheck {
		k.checked = now
		k.reload()
	}
	return k.config
}

func (k *keeper) reload() {
	stamp := k.files.stamp()
	if stamp == k.stamp {
		return
	}
	k.stamp = stamp
	config, err := k.files.load()
	if err != nil {
		k.log.Warn("api certificates cannot be read again, the old ones stay in force", "error", err)
		return
	}
	k.config = config
	k.log.Info("api certificates read again")
}

// stamp changes when one of the files does.
func (t TLS) stamp() string {
	stamp := ""
	for _, name := range []string{t.CertFile, t.KeyFile, t.ClientCAFile} {
		if info, err := os.Stat(name); err == nil {
			stamp += fmt.Sprintf("%s %d %d\n", name, info.ModTime().UnixNano(), info.Size())
		}
	}
	return stamp
}

func (t TLS) load() (*tls.Config, error) {
	cert, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("api certificate %s: %w", t.CertFile, err)
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{cert}, NextProtos: []string{"http/1.1"}}
	if !t.Verify.asks() {
		return config, nil
	}
	if config.ClientCAs, err = authorities(t.ClientCAFile); err != nil {
		return nil, err
	}
	config.ClientAuth = tls.VerifyClientCertIfGiven
	if t.Verify == VerifyRequired {
		config.ClientAuth = tls.RequireAndVerifyClientCert
	}
	return config, nil
}

func authorities(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, errors.New("api client authorities: verifying clients needs a CA file")
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("api client authorities: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("api client authorities %s: no certificate in it", file)
	}
	return pool, nil
}
