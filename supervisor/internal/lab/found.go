// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Found is a PostgreSQL that a node has before any supervisor: made by hand, started by pg_ctl.
type Found struct {
	// Conf are lines of postgresql.conf.
	Conf string
	// HBA is pg_hba.conf.
	HBA string
	// SQL is run before the server is started, one statement a line.
	SQL string
	// Etc keeps the configuration files out of the data directory, as Debian does.
	Etc bool
}

// Password is that of all the roles in the lab's configurations.
func (c *Cluster) Password() string { return c.password }

// MakeFound makes the data directory and starts the server.
func (n *Node) MakeFound(ctx context.Context, f Found) error {
	err := n.runPG(ctx, "", "initdb", "-D", n.DataDir(), "-U", "postgres", "-N", "-E", "UTF8", "--locale=C", "--auth=reject")
	if err != nil {
		return err
	}
	if err := n.runPG(ctx, f.SQL, "postgres", "--single", "-D", n.DataDir(), "postgres"); err != nil {
		return err
	}
	return n.startFound(ctx, f)
}

// CloneFound makes a streaming standby of another node's server, by hand, and starts it.
func (n *Node) CloneFound(ctx context.Context, f Found, from *Node, role string) error {
	source := fmt.Sprintf("host=%s port=%d user=%s password=%s application_name=byhand",
		from.Address, from.ports.postgres, role, n.cluster.password)
	if err := n.runPG(ctx, "", "pg_basebackup", "-D", n.DataDir(), "-d", source, "-X", "stream", "-c", "fast", "-R"); err != nil {
		return err
	}
	return n.startFound(ctx, f)
}

func (n *Node) startFound(ctx context.Context, f Found) error {
	dir, options := n.DataDir(), ""
	if f.Etc {
		dir = n.path("etc")
		options = "-c config_file=" + filepath.Join(dir, "postgresql.conf")
		f.Conf += fmt.Sprintf("data_directory = '%s'\nhba_file = '%s/pg_hba.conf'\nident_file = '%s/pg_ident.conf'\n",
			n.DataDir(), dir, dir)
		if err := n.makeEtc(dir); err != nil {
			return err
		}
	}
	f.Conf += fmt.Sprintf("port = %d\nunix_socket_directories = '%s'\ndynamic_shared_memory_type = mmap\nshared_buffers = 16MB\n",
		n.ports.postgres, n.SocketDir())
	err := errors.Join(n.WriteFile(filepath.Join(dir, "postgresql.conf"), f.Conf), n.WriteFile(filepath.Join(dir, "pg_hba.conf"), f.HBA))
	if err != nil {
		return err
	}
	return n.PgCtl(ctx, "start", "-w", "-l", n.path("log", "found.log"), "-o", options)
}

// makeEtc leaves the data directory without the files that stand elsewhere.
func (n *Node) makeEtc(dir string) error {
	err := n.cluster.id.Mkdir(dir, 0o755)
	for _, name := range []string{"postgresql.conf", "pg_hba.conf", "pg_ident.conf"} {
		err = errors.Join(err, os.RemoveAll(filepath.Join(n.DataDir(), name)))
	}
	return errors.Join(err, n.WriteFile(filepath.Join(dir, "pg_ident.conf"), ""))
}

// PgCtl runs pg_ctl on the node's data directory, as a distribution's unit does.
func (n *Node) PgCtl(ctx context.Context, args ...string) error {
	return n.runPG(ctx, "", "pg_ctl", append([]string{"-D", n.DataDir()}, args...)...)
}

// runPG runs one of PostgreSQL's programs on the node, with a text on its standard input, to its end.
func (n *Node) runPG(ctx context.Context, input, name string, args ...string) error {
	in := n.path("log", "stdin")
	if err := n.WriteFile(in, input); err != nil {
		return err
	}
	program := filepath.Join(n.cluster.pgBin, name)
	p, err := n.launch("found.out", "/bin/sh", append([]string{"-c", `exec "$0" "$@" <` + in, program}, args...)...)
	if err != nil {
		return err
	}
	select {
	case <-p.done:
	case <-ctx.Done():
		return errors.Join(context.Cause(ctx), p.kill())
	}
	if p.err != nil {
		said, _ := os.ReadFile(n.path("log", "found.out"))
		return fmt.Errorf("%s of %s: %w: %s", name, n.Name, p.err, strings.TrimSpace(string(said)))
	}
	return nil
}
