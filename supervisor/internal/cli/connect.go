// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"strings"

	"github.com/spf13/pflag"

	"github.com/pgvigil/pgvigil/supervisor/internal/config"
)

const (
	defaultConfig   = "/etc/pgvigil"
	defaultEndpoint = "http://127.0.0.1:8008"
)

// connection is how supervisors are reached, as the command line says.
type connection struct {
	endpoints                 []string
	config                    string
	caFile, certFile, keyFile string
	insecure                  bool
}

func (c *connection) flags(f *pflag.FlagSet) {
	f.StringArrayVar(&c.endpoints, "endpoint", nil, "URL of a supervisor's REST interface; may be repeated (PGVIGIL_ENDPOINT, separated by commas)")
	f.StringVarP(&c.config, "config", "c", "", "configuration file or directory (PGVIGIL_CONFIG; default "+defaultConfig+")")
	f.StringVar(&c.caFile, "ca-file", "", "PEM file of the authorities that sign the supervisors' certificates")
	f.StringVar(&c.certFile, "cert-file", "", "PEM file of the client certificate to show")
	f.StringVar(&c.keyFile, "key-file", "", "PEM file of its key")
	f.BoolVar(&c.insecure, "insecure", false, "do not verify the supervisors' certificates")
}

// client makes a client of the supervisors named by flags, environment or configuration, in this order.
func (a *App) client() (*client, error) {
	c := &a.connection
	endpoints := c.endpoints
	if len(endpoints) == 0 && c.config == "" {
		endpoints = split(a.Getenv("PGVIGIL_ENDPOINT"))
	}
	if len(endpoints) == 0 {
		return a.configuredClient()
	}
	cl := newClient("given with --endpoint or PGVIGIL_ENDPOINT")
	cl.username, cl.password = a.Getenv("PGVIGIL_USERNAME"), a.Getenv("PGVIGIL_PASSWORD")
	for _, e := range endpoints {
		if err := cl.add(e); err != nil {
			return nil, err
		}
	}
	return cl, c.secure(cl, nil)
}

// configPath is the path of the configuration, and whether somebody asked for that one.
func (a *App) configPath() (string, bool) {
	if path := a.connection.config; path != "" {
		return path, true
	}
	if path := a.Getenv("PGVIGIL_CONFIG"); path != "" {
		return path, true
	}
	return defaultConfig, false
}

// configuredClient asks the supervisor of this host. Somebody who may not read the configuration may look all the
// same, at the default address.
func (a *App) configuredClient() (*client, error) {
	path, asked := a.configPath()
	if _, err := os.Stat(path); !asked && err != nil {
		cl := newClient(fmt.Sprintf("the default, as %s %s", path, because(err)))
		return cl, errors.Join(cl.add(defaultEndpoint), a.connection.secure(cl, nil))
	}
	loader := &config.Loader{}
	cfg, diags := loader.Load(path)
	if cfg == nil {
		if err := diags.WriteText(a.Err, a.colour()); err != nil {
			return nil, err
		}
		return nil, usage("configuration %s cannot be used; give --endpoint URL to do without", path)
	}
	return a.clientOf(cfg, path)
}

func (a *App) clientOf(cfg *config.Config, path string) (*client, error) {
	cl := newClient("api.connect in " + path)
	scheme := "http"
	if cfg.API.TLS != nil {
		scheme = "https"
	}
	if auth := cfg.API.Auth; auth != nil {
		password, err := auth.ReadPassword()
		if err != nil {
			return nil, failf(ExitPermission, "%w", err)
		}
		cl.username, cl.password = auth.Username, string(password)
	}
	if err := cl.add(scheme + "://" + cfg.API.Connect); err != nil {
		return nil, err
	}
	return cl, a.connection.secure(cl, cfg.API.TLS)
}

// secure sets up TLS by the flags and, for what they leave open, by the host's own files: its certificate is shown
// to its peers.
func (c *connection) secure(cl *client, own *config.APITLS) error {
	files := *c
	if own != nil && files.caFile == "" {
		files.caFile = own.CAFile
	}
	if own != nil && files.certFile == "" {
		files.certFile, files.keyFile = own.CertFile, own.KeyFile
	}
	settings := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: c.insecure} //nolint:gosec // asked for by --insecure
	if files.caFile != "" {
		pem, err := os.ReadFile(files.caFile)
		if err != nil {
			return usage("authorities: %w", err)
		}
		settings.RootCAs = x509.NewCertPool()
		if !settings.RootCAs.AppendCertsFromPEM(pem) {
			return usage("authorities %s: no certificate in it", files.caFile)
		}
	}
	if files.certFile != "" {
		pair, err := tls.LoadX509KeyPair(files.certFile, files.keyFile)
		if err != nil {
			return failf(ExitPermission, "client certificate: %w", err)
		}
		settings.Certificates = []tls.Certificate{pair}
	}
	cl.secure(settings)
	return nil
}

// parseEndpoint accepts "http://host:port", "https://host:port" and "host:port".
func parseEndpoint(text string) (*url.URL, error) {
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}
	u, err := url.Parse(text)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "" || strings.Trim(u.Path, "/") != "" {
		return nil, usage("endpoint %q: want http://host:port or https://host:port", text)
	}
	if u.Port() == "" {
		u.Host += ":8008"
	}
	u.Path = ""
	return u, nil
}

func split(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' })
}

func because(err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "does not exist"
	case errors.Is(err, fs.ErrPermission):
		return "may not be read"
	}
	return err.Error()
}
