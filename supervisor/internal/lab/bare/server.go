// SPDX-License-Identifier: Apache-2.0

// Package bare runs PostgreSQL servers without any supervisor, for the lab's own tests.
package bare

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pgvigil/pgvigil/supervisor/internal/lab/account"
)

// Server is one PostgreSQL server on a Unix socket only.
type Server struct {
	// Dir holds its data directory and its socket.
	Dir, Bin string

	account account.Account
	command *exec.Cmd
	done    chan struct{}
}

// New initialises a server in a directory that the account can write.
func New(bin, dir string) (*Server, error) {
	id, err := account.Find()
	if err != nil {
		return nil, err
	}
	s := &Server{Dir: dir, Bin: bin, account: id}
	if err := id.Mkdir(dir, 0o755); err != nil {
		return nil, err
	}
	if err := id.Write(s.path("password"), "secret\n"); err != nil {
		return nil, err
	}
	return s, s.run("initdb", "-D", s.path("data"), "-U", "postgres", "--pwfile="+s.path("password"), "--auth=scram-sha-256", "-N", "-E", "UTF8", "--locale=C")
}

// Clone makes a standby of a running server.
func (s *Server) Clone(dir string) (*Server, error) {
	clone := &Server{Dir: dir, Bin: s.Bin, account: s.account}
	if err := s.account.Mkdir(dir, 0o755); err != nil {
		return nil, err
	}
	if err := s.account.Write(clone.path("passfile"), "*:*:*:*:secret\n"); err != nil {
		return nil, err
	}
	source := "host=" + s.Dir + " user=postgres passfile=" + clone.path("passfile")
	return clone, clone.run("pg_basebackup", "-D", clone.path("data"), "-d", source, "-X", "stream", "-c", "fast", "-R")
}

// Start starts the server and waits until it answers.
func (s *Server) Start(ctx context.Context) error {
	log, err := os.OpenFile(s.path("log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	s.command = s.program("postgres", "-D", s.path("data"), "-c", "listen_addresses=", "-c", "unix_socket_directories="+s.Dir,
		"-c", "dynamic_shared_memory_type=mmap", "-c", "shared_buffers=8MB")
	s.command.Stdout, s.command.Stderr = log, log
	if err := s.command.Start(); err != nil {
		return err
	}
	s.done = make(chan struct{})
	go func(command *exec.Cmd, done chan struct{}) {
		_ = command.Wait()
		close(done)
	}(s.command, s.done)
	return s.answer(ctx)
}

func (s *Server) answer(ctx context.Context) error {
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for {
		conn, err := s.Connect(ctx)
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("start of %s: %w", s.Dir, err)
		case <-s.done:
			return fmt.Errorf("start of %s: ended: %w", s.Dir, err)
		case <-ticker.C:
		}
	}
}

// Connect connects as superuser.
func (s *Server) Connect(ctx context.Context) (*pgx.Conn, error) {
	return pgx.Connect(ctx, s.ConnString())
}

// ConnString is how to connect as superuser.
func (s *Server) ConnString() string {
	return "host=" + s.Dir + " user=postgres password=secret dbname=postgres"
}

// Signal sends a signal to the postmaster.
func (s *Server) Signal(sig syscall.Signal) error { return s.command.Process.Signal(sig) }

// End sends the postmaster a signal that ends it and waits until its data directory is free again.
func (s *Server) End(sig syscall.Signal) error {
	if s.command == nil || s.command.Process == nil {
		return nil
	}
	if err := s.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-s.done:
		return nil
	case <-time.After(20 * time.Second):
		return fmt.Errorf("server in %s still runs 20 s after %s", s.Dir, sig)
	}
}

func (s *Server) path(name string) string { return filepath.Join(s.Dir, name) }

func (s *Server) program(name string, args ...string) *exec.Cmd {
	command := exec.Command(filepath.Join(s.Bin, name), args...)
	command.Dir = s.Dir
	command.Env = []string{"HOME=" + s.account.Home, "LC_ALL=C", "PATH=/usr/bin:/bin"}
	command.SysProcAttr = &syscall.SysProcAttr{Credential: s.account.Credential, Setsid: true}
	return command
}

func (s *Server) run(name string, args ...string) error {
	if output, err := s.program(name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, strings.TrimSpace(string(output)))
	}
	return nil
}
