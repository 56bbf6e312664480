// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/hashicorp/hcl/v2"
)

// minSecret is the least length of the secret of heartbeats, in bytes.
const minSecret = 16

const secretHint = "Make one with: openssl rand -base64 32. It is the same on all hosts of the cluster."

func heartbeatsSchema() Block {
	return Block{Attributes: []Attribute{
		{Name: "secret", Type: String, Sensitive: true, Description: "What all members know, and nobody else: heartbeats carry a proof of it."},
		{Name: "secret_file", Type: String, Description: "File that holds the secret."},
	}}
}

func (d *decoder) heartbeats(c *Config, root *decoded) {
	b := root.first(blockHeartbeats)
	if b == nil {
		return
	}
	c.Heartbeats = Heartbeats{Secret: Secret(b.text("secret")), SecretFile: b.text("secret_file"), at: b.at("secret_file")}
	switch given, file := b.seen["secret"], b.seen["secret_file"]; {
	case given && file:
		d.diags.errorf(b.at("secret_file"), "Two secrets", "Set either \"secret\" or \"secret_file\".")
	case !given && !file:
		d.diags.errorf(b.header, "The secret is missing", "Set \"secret_file\", or leave the block out.")
	case b.set("secret") && len(c.Heartbeats.Secret) < minSecret:
		d.diags.errorf(b.at("secret"), "The secret is too short", "It must have %d bytes at least. %s", minSecret, secretHint)
	case b.set("secret_file") && !filepath.IsAbs(c.Heartbeats.SecretFile):
		d.diags.errorf(b.at("secret_file"), `"secret_file" must be an absolute path`, "A relative path would depend on where the daemon is started.")
	}
}

// Heartbeats are what supervisors say to each other directly. With neither Secret nor SecretFile they are not authenticated.
type Heartbeats struct {
	Secret     Secret
	SecretFile string

	at hcl.Range
}

// ReadSecret returns the secret; nil when there is none. The diagnostics tell what is wrong with its file; only who runs the
// supervisor needs to be able to read it.
func (c *Config) ReadSecret() ([]byte, *Diagnostics) {
	diags := c.Diagnostics()
	h := c.Heartbeats
	switch {
	case h.Secret != "":
		return []byte(h.Secret), diags
	case h.SecretFile == "":
		return nil, diags
	}
	text, err := readText(h.SecretFile)
	if err != nil {
		diags.errorf(h.at, "The secret of heartbeats cannot be read", "%s: %v. %s", h.SecretFile, reason(err), secretHint)
		return nil, diags
	}
	if len(text) < minSecret {
		diags.errorf(h.at, "The secret of heartbeats is too short",
			"%s holds %d bytes and must hold %d at least. %s", h.SecretFile, len(text), minSecret, secretHint)
		return nil, diags
	}
	if info, err := os.Stat(h.SecretFile); err == nil && info.Mode().Perm()&0o004 != 0 {
		diags.warnf(h.at, "Secret in a file that everybody can read",
			"%s", fmt.Sprintf("The mode of %s lets every user read it. Take the right away (chmod o-r).", h.SecretFile))
	}
	return []byte(text), diags
}
