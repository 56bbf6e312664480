// SPDX-License-Identifier: Apache-2.0

// Package config reads the HCL configuration of pgvigil: the core's own blocks at once, the plugins'
// bodies when their schema is known. Everything that is wrong is found in one pass, each finding with
// file, line and column.
package config

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// Config is a valid configuration of one host.
type Config struct {
	Cluster Cluster
	Timing  Timing
	// Durability is DurabilityAsync or DurabilityQuorum.
	Durability string
	Quorum     Quorum
	// MaximumLagOnFailover is in bytes.
	MaximumLagOnFailover uint64
	API                  API
	Heartbeats           Heartbeats
	DCS                  PluginBlock
	// Postgres is the zero PluginBlock where Loader.DCSOnly allowed to leave it out.
	Postgres PluginBlock
	// Server is what the core needs to know of the postgres block; only its User where there is none.
	Server   Server
	Routers  []PluginBlock
	Watchdog Watchdog
	Tags     Tags
	Log      Log
	// RunDir, StateDir and PluginDir are absolute.
	RunDir, StateDir, PluginDir string

	loader  *Loader
	sources sources
}

// Cluster says which cluster this is and who we are in it.
type Cluster struct {
	Name string
	// Namespace begins with a slash and does not end with one.
	Namespace string
	Member    string
}

// Timing is what the core's times derive from.
type Timing struct {
	TTL      time.Duration
	DriftPPM int64
	// PrimaryStartTimeout bounds the start of a primary, PrimaryStopTimeout a planned stop.
	PrimaryStartTimeout, PrimaryStopTimeout time.Duration
}

// Durabilities.
const (
	// DurabilityAsync acknowledges a commit without waiting for standbys.
	DurabilityAsync = "async"
	// DurabilityQuorum acknowledges a commit when standbys have it, too.
	DurabilityQuorum = "quorum"
)

// Quorum is what durability by quorum asks for.
type Quorum struct {
	// SyncStandbys is how many standbys a commit waits for, MinSync how many at the least when some are missing.
	SyncStandbys, MinSync int
	// SuspectAfter is the silence after which a primary is replaced.
	SuspectAfter time.Duration
}

// API is the REST interface.
type API struct {
	// Listen is as net.Listen takes it, Connect is host:port as others reach it.
	Listen, Connect string
	// TLS is nil for plain HTTP.
	TLS *APITLS
	// Auth is nil where no password is asked for.
	Auth *APIAuth
}

// APITLS names the PEM files of the REST interface.
type APITLS struct {
	CertFile, KeyFile, CAFile string
	// VerifyClient is "none", "optional" (methods that change something) or "required".
	VerifyClient string
}

// APIAuth is who may change something. Exactly one of Password and PasswordFile is set.
type APIAuth struct {
	Username     string
	Password     Secret
	PasswordFile string
}

// Secret is a string that no log and no message shows.
type Secret string

// String hides the secret.
func (Secret) String() string { return "(sensitive)" }

// GoString hides the secret.
func (Secret) GoString() string { return "(sensitive)" }

// LogValue hides the secret.
func (Secret) LogValue() slog.Value { return slog.StringValue("(sensitive)") }

// MarshalText hides the secret, from JSON too.
func (Secret) MarshalText() ([]byte, error) { return []byte("(sensitive)"), nil }

// Transports between daemon and plugin.
const (
	TransportMTLS  = "auto-mtls"
	TransportLocal = "insecure-local"
)

// PluginBlock is a block whose body a plugin defines, and how that plugin is run.
type PluginBlock struct {
	// Kind is "dcs", "postgres" or "router".
	Kind string
	// Name of the plugin, such as "etcd".
	Name string
	// Command is the absolute path of the binary.
	Command string
	// SHA256 is 64 lower-case hexadecimal digits, or empty for any.
	SHA256 string
	Args   []string
	Env    map[string]string
	// Transport is TransportMTLS or TransportLocal.
	Transport string
	// Range is the head of the block.
	Range Range

	body   *hclsyntax.Body
	header hcl.Range
}

// String names the block as it stands in the file.
func (p PluginBlock) String() string {
	if p.Kind == blockPostgres {
		return p.Kind
	}
	return fmt.Sprintf("%s %q", p.Kind, p.Name)
}

// Server is what the core needs to know of the postgres block.
type Server struct {
	// Host and Port are where others reach PostgreSQL.
	Host string
	Port uint16
	// UseRewind allows pg_rewind, RemoveDataOnRewindFailure replacing a data directory beyond it.
	UseRewind, RemoveDataOnRewindFailure bool
	// DataDir is PostgreSQL's data directory: what to fence when nobody else can tell.
	DataDir string
	// User is the operating system user that PostgreSQL runs as, and a supervisor that root started.
	User string
}

// Modes of the watchdog.
const (
	WatchdogOff       = "off"
	WatchdogAutomatic = "automatic"
	WatchdogRequired  = "required"
)

// Watchdog is the host's watchdog device.
type Watchdog struct {
	Mode, Device string
	SafetyMargin time.Duration
	// Timeout is what the device is set to: ttl less the margin, in whole seconds.
	Timeout time.Duration
}

// Tags set this member apart from the others.
type Tags struct {
	NoFailover bool
	// FailoverPriority is 0 exactly with NoFailover.
	FailoverPriority                 int
	NoLoadBalance, CloneFrom, NoSync bool
	// Custom are tags that only others give a meaning to.
	Custom map[string]string
}

// Log is how the daemon writes its log.
type Log struct {
	Level slog.Level
	// Format is "text" or "json".
	Format string
}
