// SPDX-License-Identifier: Apache-2.0

package config

import (
	"path/filepath"
	"strconv"
	"time"

	"github.com/pgvigil/pgvigil/plugins/postgres/internal/proc"
)

// Config is the block resolved on this host.
type Config struct {
	// Member is the name of this member, Cluster that of the cluster.
	Member, Cluster string
	// ListenAddresses and Port are where PostgreSQL listens.
	ListenAddresses string
	Port            uint16
	// DataDir is the data directory, absolute and clean.
	DataDir string
	// BinDir is where PostgreSQL's programs are.
	BinDir string
	// SocketDir is the directory of the unix socket.
	SocketDir string
	// LogFile is where the server's standard error goes.
	LogFile string
	// PassFile is the password file for PostgreSQL's programs.
	PassFile string
	// StateDir survives a reboot; RunDir need not. Both are the plugin's own.
	StateDir, RunDir string
	// DaemonRunDir is where the launcher's files are.
	DaemonRunDir string
	// Launcher is the path of the launcher's binary.
	Launcher string
	// Managed tells that systemd starts the launcher, in a unit of its own.
	Managed bool
	// OS is the account PostgreSQL runs as.
	OS proc.Account
	// Parameters are the user's, lower case. Defaults are in force where neither they nor the files that a server was found with
	// say otherwise.
	Parameters, Defaults map[string]string
	// HBA and Ident are the user's lines.
	HBA, Ident []string
	// ArchiveCommand and RestoreCommand are from the local file only.
	ArchiveCommand, RestoreCommand string
	// UseRewind allows pg_rewind.
	UseRewind bool
	// RemoveDataOnRewindFailure allows to clone over data that cannot be rewound.
	RemoveDataOnRewindFailure bool
	// MaxDivergedWAL is how many bytes of diverged WAL are kept.
	MaxDivergedWAL int64
	// StartTimeout limits a start; 0 does not.
	StartTimeout time.Duration
	// InitDB says how a cluster is made.
	InitDB InitDB
	// Superuser, Replication and Rewind are roles with their passwords read.
	Superuser, Replication, Rewind Account
	// BaseBackup says how a member is copied.
	BaseBackup BaseBackup
}

// Program is the path of one of PostgreSQL's programs.
func (c *Config) Program(name string) string { return filepath.Join(c.BinDir, name) }

// Unit is the systemd unit that PostgreSQL runs in when it is Managed.
func (c *Config) Unit() string { return "pgvigil-postgres@" + c.Cluster + ".service" }

// State is the path of a file in the plugin's state directory.
func (c *Config) State(name string) string { return filepath.Join(c.StateDir, name) }

// WAL is the directory of the write-ahead log.
func (c *Config) WAL() string { return filepath.Join(c.DataDir, "pg_wal") }

// PortString is the port in decimal.
func (c *Config) PortString() string { return strconv.Itoa(int(c.Port)) }

// parameters are the user's, and what follows from the rest of the body.
func parameters(b Body) map[string]string {
	out := map[string]string{}
	if b.ArchiveCommand != "" {
		out["archive_mode"] = "on"
	}
	for k, v := range b.Parameters {
		out[lowerName(k)] = v
	}
	return out
}
