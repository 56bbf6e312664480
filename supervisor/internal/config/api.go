// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"os"
)

func (d *decoder) api(c *Config, root *decoded) {
	b := d.section(root, blockAPI)
	host, port, complaint := splitAddress(b.text("listen"))
	if _, usable := b.value("listen"); usable && complaint != "" {
		d.diags.errorf(b.at("listen"), `Unusable address in "listen"`, "%s", complaint)
	}
	c.API.Listen = joinAddress(host, port)
	c.API.Connect = d.apiConnect(c, b, host, port)
	if tls := b.first("tls"); tls != nil {
		c.API.TLS = d.apiTLS(tls)
	}
	if auth := b.first("auth"); auth != nil {
		c.API.Auth = d.apiAuth(auth, c.API.TLS != nil)
	}
}

// apiConnect is where others reach the interface: as given, else the address listened on, else the
// address of PostgreSQL, else the host name.
func (d *decoder) apiConnect(c *Config, b *decoded, listenHost string, listenPort uint16) string {
	if b.seen["connect"] {
		if host, port, ok := d.connectable(b, "connect"); b.set("connect") && ok {
			return joinAddress(host, port)
		}
		return ""
	}
	host := listenHost
	if anyHost(host) {
		host = c.Server.Host
	}
	if anyHost(host) {
		host, _ = c.loader.hostname()
	}
	return joinAddress(host, listenPort)
}

func (d *decoder) apiTLS(b *decoded) *APITLS {
	tls := &APITLS{
		CertFile: b.text("cert_file"), KeyFile: b.text("key_file"), CAFile: b.text("ca_file"),
		VerifyClient: b.text("verify_client"),
	}
	if tls.CAFile == "" && tls.VerifyClient != "none" && tls.VerifyClient != "" {
		d.diags.errorf(b.at("verify_client"), "Clients cannot be verified without ca_file",
			"verify_client = %q needs the authorities that sign clients' certificates: set \"ca_file\".", tls.VerifyClient)
	}
	return tls
}

func (d *decoder) apiAuth(b *decoded, tls bool) *APIAuth {
	auth := &APIAuth{Username: b.text("username"), Password: Secret(b.text("password")), PasswordFile: b.text("password_file")}
	switch given := b.seen["password"]; {
	case given && b.seen["password_file"]:
		d.diags.errorf(b.at("password_file"), "Two passwords", "Set either \"password\" or \"password_file\".")
	case given && b.set("password") && auth.Password == "":
		d.diags.errorf(b.at("password"), "The password is empty", "Anybody could log in.")
	case !given && !b.seen["password_file"]:
		d.diags.errorf(b.header, "The password is missing", "Set \"password\" or \"password_file\".")
	}
	if !tls {
		d.diags.warnf(b.header, "The password travels in the clear", "Add a tls block to api, or keep the interface on a network that you trust.")
	}
	return auth
}

// ReadPassword returns the password as it is now; a file is read anew, so that it can be changed without
// a restart.
func (a *APIAuth) ReadPassword() (Secret, error) {
	if a.PasswordFile == "" {
		return a.Password, nil
	}
	text, err := readText(a.PasswordFile)
	if err != nil {
		return "", fmt.Errorf("password file: %w", err)
	}
	if text == "" {
		return "", fmt.Errorf("password file %s: %w", a.PasswordFile, os.ErrInvalid)
	}
	return Secret(text), nil
}
