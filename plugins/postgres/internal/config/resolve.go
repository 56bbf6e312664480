// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pgvigil/pgvigil/plugins/postgres/internal/proc"
	"github.com/pgvigil/pgvigil/plugins/sdk"
	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
)

// Resolve decodes and checks a body, and finds on this host what it leaves open. With an error among
// the diagnostics the result must not be used. It changes nothing.
func Resolve(c sdk.Config) (*Config, []*pluginv1.Diagnostic) {
	b := defaults()
	if err := c.Decode(&b); err != nil {
		return nil, []*pluginv1.Diagnostic{sdk.Errorf(nil, "body cannot be read", "%v", err)}
	}
	r := resolver{body: b, host: c.Host}
	out := r.resolve()
	return out, r.found
}

// resolver gathers what it finds, so that one pass tells everything.
type resolver struct {
	body  Body
	host  *pluginv1.HostContext
	found []*pluginv1.Diagnostic
}

func (r *resolver) errorf(path []string, summary, detail string, args ...any) {
	r.found = append(r.found, sdk.Errorf(path, summary, detail, args...))
}

func (r *resolver) resolve() *Config {
	b := r.body
	c := &Config{
		Member: r.host.GetMember(), Cluster: r.host.GetCluster(),
		StateDir: r.host.GetStateDir(), RunDir: r.host.GetRunDir(), DaemonRunDir: filepath.Dir(r.host.GetRunDir()),
		Launcher: r.host.GetLauncher(), Parameters: parameters(b), Defaults: overridable(b.InitDB.Auth), HBA: b.HBA, Ident: b.Ident,
		ArchiveCommand: b.ArchiveCommand, RestoreCommand: b.RestoreCommand,
		Managed: b.Manage == "systemd", UseRewind: b.UseRewind, RemoveDataOnRewindFailure: b.RemoveDataOnRewindFailure,
		MaxDivergedWAL: int64(b.MaxDivergedWAL), StartTimeout: time.Duration(b.StartTimeout),
		InitDB: b.InitDB, BaseBackup: b.BaseBackup,
	}
	r.addresses(c)
	r.directories(c)
	r.programs(c)
	r.account(c)
	r.roles(c)
	r.checkParameters()
	r.checkLines()
	return c
}

func (r *resolver) addresses(c *Config) {
	hosts, port, ok := r.hostPort("listen", r.body.Listen)
	if ok {
		c.ListenAddresses, c.Port = hosts, port
	}
	host, _, ok := r.hostPort("connect", r.body.Connect)
	if ip := net.ParseIP(host); ok && (host == "" || host == "*" || ip.IsUnspecified()) {
		r.errorf(sdk.Path("connect"), "address nobody can connect to", "connect must name an address at which other members reach this host, not %q.", host)
	}
}

func (r *resolver) hostPort(name, value string) (string, uint16, bool) {
	i := strings.LastIndexByte(value, ':')
	if i < 0 {
		r.errorf(sdk.Path(name), "no port", "%s must be written address:port, such as \"10.0.0.1:5432\".", name)
		return "", 0, false
	}
	port, err := strconv.ParseUint(value[i+1:], 10, 16)
	if err != nil || port == 0 {
		r.errorf(sdk.Path(name), "bad port", "%q is no port: a number from 1 to 65535 is needed.", value[i+1:])
		return "", 0, false
	}
	host := strings.NewReplacer("[", "", "]", "").Replace(value[:i])
	if host == "" || strings.ContainsAny(host, " '\"\\\n") {
		r.errorf(sdk.Path(name), "bad address", "%q is no address.", host)
		return "", 0, false
	}
	return host, uint16(port), true
}

func (r *resolver) directories(c *Config) {
	b := r.body
	c.DataDir = r.absolute("data_dir", b.DataDir, "")
	c.SocketDir = r.absolute("socket_dir", b.SocketDir, r.host.GetRunDir())
	c.LogFile = filepath.Join(r.absolute("log_dir", b.LogDir, filepath.Join(r.host.GetStateDir(), "log")), "postgresql.log")
	c.PassFile = r.absolute("pgpass", b.PassFile, filepath.Join(r.host.GetStateDir(), "pgpass"))
	const limit = 107
	if n := len(filepath.Join(c.SocketDir, ".s.PGSQL.") + c.PortString()); n > limit {
		r.errorf(sdk.Path("socket_dir"), "path too long", "The unix socket's path would have %d bytes, and the system allows %d: set socket_dir to a shorter path.", n, limit)
	}
	if c.DataDir != "" && within(c.StateDir, c.DataDir) {
		r.errorf(sdk.Path("data_dir"), "data directory around pgvigil's state", "%s lies in the data directory, and would vanish with it.", c.StateDir)
	}
}

func within(path, dir string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, "../")
}

func (r *resolver) absolute(name, value, fallback string) string {
	if value == "" && fallback != "" {
		return filepath.Clean(fallback)
	}
	if !filepath.IsAbs(value) || filepath.Clean(value) == "/" {
		r.errorf(sdk.Path(name), "bad path", "%s must be an absolute path, not %q.", name, value)
		return ""
	}
	if strings.ContainsAny(value, "'\n\\,") {
		r.errorf(sdk.Path(name), "bad path", "%s must not contain quotes, commas, backslashes or line breaks.", name)
	}
	return filepath.Clean(value)
}

func (r *resolver) programs(c *Config) {
	c.BinDir = r.body.BinDir
	if c.BinDir == "" {
		c.BinDir = newestBinDir()
	}
	if c.BinDir == "" {
		r.errorf(sdk.Path("bin_dir"), "PostgreSQL not found", "Install PostgreSQL 13 or newer, or set bin_dir to where its programs are.")
		return
	}
	for _, p := range []string{"postgres", "initdb", "pg_basebackup", "pg_rewind", "pg_controldata"} {
		if info, err := os.Stat(c.Program(p)); err != nil || info.Mode()&0o111 == 0 {
			r.errorf(sdk.Path("bin_dir"), "program missing", "%s is not an executable file.", c.Program(p))
		}
	}
}

// newestBinDir finds the newest PostgreSQL where distributions put it.
func newestBinDir() string {
	var best string
	var version float64
	for _, pattern := range []string{"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin"} {
		found, _ := filepath.Glob(pattern)
		for _, dir := range found {
			name := strings.TrimPrefix(filepath.Base(filepath.Dir(dir)), "pgsql-")
			v, err := strconv.ParseFloat(name, 64)
			if _, missing := os.Stat(filepath.Join(dir, "postgres")); err == nil && missing == nil && v > version {
				best, version = dir, v
			}
		}
	}
	if _, err := os.Stat("/usr/bin/postgres"); best == "" && err == nil {
		return "/usr/bin"
	}
	return best
}

func (r *resolver) account(c *Config) {
	a, err := proc.Lookup(r.body.User)
	if err != nil {
		r.errorf(sdk.Path("user"), "no such user", "%v.", err)
	}
	c.OS = a
}

func (r *resolver) roles(c *Config) {
	c.Superuser = r.role("superuser", r.body.Superuser)
	c.Replication = r.role("replication", r.body.Replication)
	if c.Replication.Password == "" && c.Replication.SSLCert == "" && !r.failed("replication") {
		r.errorf(sdk.Path("replication"), "no password", "Standbys need password, password_file or sslcert to stream as %q.", c.Replication.Username)
	}
	c.Rewind = c.Superuser
	if r.body.Rewind != nil {
		c.Rewind = r.role("rewind", *r.body.Rewind)
	}
	if c.UseRewind && c.Rewind.Password == "" && c.Rewind.SSLCert == "" {
		c.UseRewind = false
		r.found = append(r.found, sdk.Warnf(sdk.Path("superuser"), "rewind is not possible",
			"pg_rewind connects to other members, and %q has no password, password_file or sslcert: a member that diverged will be cloned.", c.Rewind.Username))
	}
	if c.Superuser.Username == c.Replication.Username {
		r.errorf(sdk.Path("replication", "username"), "same role twice", "The replication role must not be the superuser.")
	}
}

func (r *resolver) failed(step string) bool {
	return slices.ContainsFunc(r.found, func(d *pluginv1.Diagnostic) bool {
		return len(d.GetPath()) > 0 && d.GetPath()[0] == step
	})
}

func (r *resolver) role(block string, a Account) Account {
	if a.Username == "" || strings.ContainsAny(a.Username, "\x00\n\r") {
		r.errorf(sdk.Path(block, "username"), "bad role name", "%q is no name for a role.", a.Username)
	}
	if a.SSLMode == "" {
		a.SSLMode = "prefer"
	}
	if a.Password != "" && a.PasswordFile != "" {
		r.errorf(sdk.Path(block, "password_file"), "two passwords", "Set either password or password_file.")
		return a
	}
	if a.PasswordFile != "" {
		p, err := readPassword(a.PasswordFile)
		if err != nil {
			r.errorf(sdk.Path(block, "password_file"), "password cannot be read", "%v.", err)
		}
		a.Password = p
	}
	if strings.ContainsAny(a.Password, "\x00\n\r") {
		r.errorf(sdk.Path(block, "password"), "bad password", "A password must not contain line breaks.")
		a.Password = ""
	}
	return a
}

func readPassword(path string) (string, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	line, _, _ := strings.Cut(string(raw), "\n")
	line = strings.TrimRight(line, "\r")
	if line == "" {
		return "", errors.New("first line of " + path + " is empty")
	}
	return line, nil
}
