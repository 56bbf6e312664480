// SPDX-License-Identifier: Apache-2.0

package config

// Body is the decoded block. Durations are nanoseconds, sizes bytes.
type Body struct {
	Listen     string            `json:"listen"`
	Connect    string            `json:"connect"`
	DataDir    string            `json:"data_dir"`
	BinDir     string            `json:"bin_dir"`
	SocketDir  string            `json:"socket_dir"`
	LogDir     string            `json:"log_dir"`
	PassFile   string            `json:"pgpass"`
	User       string            `json:"user"`
	Manage     string            `json:"manage"`
	Parameters map[string]string `json:"parameters"`
	HBA        []string          `json:"hba"`
	Ident      []string          `json:"ident"`

	ArchiveCommand string `json:"archive_command"`
	RestoreCommand string `json:"restore_command"`

	UseRewind                 bool    `json:"use_rewind"`
	RemoveDataOnRewindFailure bool    `json:"remove_data_on_rewind_failure"`
	MaxDivergedWAL            float64 `json:"max_diverged_wal"`
	StartTimeout              float64 `json:"start_timeout"`

	InitDB      InitDB     `json:"initdb"`
	Superuser   Account    `json:"superuser"`
	Replication Account    `json:"replication"`
	Rewind      *Account   `json:"rewind"`
	BaseBackup  BaseBackup `json:"basebackup"`
}

// InitDB is the initdb block.
type InitDB struct {
	Encoding      string   `json:"encoding"`
	Locale        string   `json:"locale"`
	DataChecksums bool     `json:"data_checksums"`
	Auth          string   `json:"auth"`
	Options       []string `json:"options"`
}

// Account is a database role and how connections as it are made.
type Account struct {
	Username       string `json:"username"`
	Password       string `json:"password"`
	PasswordFile   string `json:"password_file"`
	SSLMode        string `json:"sslmode"`
	SSLRootCert    string `json:"sslrootcert"`
	SSLCert        string `json:"sslcert"`
	SSLKey         string `json:"sslkey"`
	SSLCRL         string `json:"sslcrl"`
	ChannelBinding string `json:"channel_binding"`
}

// BaseBackup is the basebackup block.
type BaseBackup struct {
	Checkpoint string   `json:"checkpoint"`
	MaxRate    string   `json:"max_rate"`
	Options    []string `json:"options"`
}

// defaults is the body before decoding: the schema's defaults, for blocks that are left out, too.
func defaults() Body {
	return Body{
		User: "postgres", Manage: "direct", UseRewind: true, RemoveDataOnRewindFailure: true, MaxDivergedWAL: 1 << 30,
		InitDB:      InitDB{Encoding: "UTF8", Locale: "C.UTF-8", DataChecksums: true, Auth: "scram-sha-256"},
		Superuser:   Account{Username: "postgres", SSLMode: "prefer"},
		Replication: Account{Username: "replicator", SSLMode: "prefer"},
		BaseBackup:  BaseBackup{Checkpoint: "fast"},
	}
}
