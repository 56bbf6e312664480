// SPDX-License-Identifier: Apache-2.0

package pluginhost

import (
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"

	"github.com/pgvigil/pgvigil/proto/handshake"
	"github.com/pgvigil/pgvigil/supervisor/internal/core"
)

// Kind of a plugin, as the configuration calls it.
type Kind string

// The kinds.
const (
	KindDCS      Kind = handshake.KindDCS
	KindPostgres Kind = handshake.KindPostgres
	KindRouter   Kind = handshake.KindRouter
)

// Transport is how host and plugin talk over their Unix socket.
type Transport string

// The transports.
const (
	// AutoMTLS encrypts with certificates made for one process, exchanged when it starts. The default.
	AutoMTLS Transport = "auto-mtls"
	// InsecureLocal relies on the socket's directory (mode 0700) alone.
	InsecureLocal Transport = "insecure-local"
)

// Spec says which plugin to run and how.
type Spec struct {
	Kind Kind
	// Name is the label of the plugin's block; the plugin must call itself the same. Unique in a Host.
	Name string
	// Command is the absolute path of the plugin's binary.
	Command string
	Args    []string
	// Env are additional variables, "KEY=value".
	Env []string
	// SHA256 of the binary in hexadecimal; empty is not checked.
	SHA256 string
	// Transport is AutoMTLS when empty.
	Transport Transport
	// RunDir and StateDir are the daemon's own directories. Sockets are made in RunDir/plugins/Name; the plugin
	// gets RunDir/Name and StateDir/Name for itself. All are created with mode 0700.
	RunDir   string
	StateDir string
	// Context is what the plugin is told about where it runs.
	Context Context
	// Optional plugins do not make Open fail.
	Optional bool
}

// Context is what every plugin is told about where it runs.
type Context struct {
	Member   string
	Cluster  string
	Launcher string // path of the launcher binary
	// TTL is asked for whenever the plugin is told; nil is for none.
	TTL func() core.Span `json:"-"`
}

func (c Context) ttl() core.Span {
	if c.TTL == nil {
		return 0
	}
	return c.TTL()
}

// namePattern keeps names fit for a path component and a log line.
const namePattern = `^[a-z0-9][a-z0-9_-]{0,31}$`

// check tells what is wrong with a spec, in the words of the configuration.
func (s Spec) check() error {
	switch s.Kind {
	case KindDCS, KindPostgres, KindRouter:
	default:
		return fmt.Errorf("unknown plugin kind %q", s.Kind)
	}
	if ok, _ := regexp.MatchString(namePattern, s.Name); !ok {
		return fmt.Errorf("plugin name %q: must be up to 32 of a-z, 0-9, - and _, beginning with a letter or digit", s.Name)
	}
	switch s.Transport {
	case "", AutoMTLS, InsecureLocal:
	default:
		return fmt.Errorf("plugin %s: unknown transport %q: want %q or %q", s.Name, s.Transport, AutoMTLS, InsecureLocal)
	}
	return errors.Join(s.checkPaths(), s.checkSum())
}

func (s Spec) checkPaths() error {
	for what, path := range map[string]string{"command": s.Command, "run directory": s.RunDir, "state directory": s.StateDir} {
		if !filepath.IsAbs(path) {
			return fmt.Errorf("plugin %s: %s %q is not an absolute path", s.Name, what, path)
		}
	}
	return checkSocketPath(s)
}

func (s Spec) checkSum() error {
	if s.SHA256 == "" {
		return nil
	}
	if sum, err := hex.DecodeString(s.SHA256); err != nil || len(sum) != 32 {
		return fmt.Errorf("plugin %s: sha256 %q is not 64 hexadecimal digits", s.Name, s.SHA256)
	}
	return nil
}

// socketDir holds the plugin's socket and the record of its process group.
func (s Spec) socketDir() string { return filepath.Join(s.RunDir, "plugins", s.Name) }

// ownRunDir and ownStateDir are what the plugin is given for itself.
func (s Spec) ownRunDir() string   { return filepath.Join(s.RunDir, s.Name) }
func (s Spec) ownStateDir() string { return filepath.Join(s.StateDir, s.Name) }
