// SPDX-License-Identifier: Apache-2.0

package launcher

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/pgvigil/pgvigil/supervisor/internal/deadman"
	"golang.org/x/sys/unix"
)

// Limits of one connection. The line is short by nature; an answer that nobody reads is given up.
const (
	maxLine      = 256
	writeTimeout = time.Second
	acceptPause  = 20 * time.Millisecond
)

// server accepts connections and turns lines into commands.
type server struct {
	listener *net.UnixListener
	commands chan<- command
	open     sync.WaitGroup // commands whose answer has not been written yet
	over     chan struct{}  // closed when nobody takes commands any more
	exit     deadman.Exit   // set before over is closed
}

// listen creates the socket; the directory lock must be held.
func listen(runDir string, commands chan<- command) (*server, error) {
	path := filepath.Join(runDir, deadman.SocketFile)
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	l.SetUnlinkOnClose(false) // removed with the other files
	// Until here the umask decides; peers are checked one by one in any case.
	if err := os.Chmod(path, 0o600); err != nil {
		l.Close()
		return nil, fmt.Errorf("control socket: %w", err)
	}
	return &server{listener: l, commands: commands, over: make(chan struct{})}, nil
}

func (s *server) run() {
	for {
		conn, err := s.listener.AcceptUnix()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil: // out of descriptors, or the peer has gone
			<-time.After(acceptPause)
		default:
			go s.serve(conn)
		}
	}
}

func (s *server) serve(conn *net.UnixConn) {
	defer conn.Close()
	if err := checkPeer(conn); err != nil {
		_ = s.write(conn, deadman.Reply{Error: err.Error()})
		return
	}
	lines := bufio.NewScanner(conn)
	lines.Buffer(make([]byte, maxLine), maxLine)
	for lines.Scan() {
		if !s.answer(conn, lines.Text()) {
			return
		}
	}
}

func (s *server) answer(conn *net.UnixConn, line string) bool {
	s.open.Add(1)
	defer s.open.Done()
	c, err := parseCommand(line, deadman.BootNow())
	if err != nil {
		return s.write(conn, deadman.Reply{Error: err.Error()})
	}
	select {
	case s.commands <- c:
		return s.write(conn, <-c.reply)
	case <-s.over:
		return s.write(conn, s.afterEnd(c))
	}
}

// afterEnd answers what came too late to be decided: the end is what kill and wait wanted.
func (s *server) afterEnd(c command) deadman.Reply {
	if c.verb == "kill" || c.verb == "wait" {
		return deadman.Reply{OK: true, Exit: &s.exit}
	}
	return deadman.Reply{Error: "postgres has ended", Exit: &s.exit}
}

func (s *server) write(conn *net.UnixConn, r deadman.Reply) bool {
	b, err := json.Marshal(r)
	if err != nil {
		return false
	}
	if err := conn.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return false
	}
	_, err = conn.Write(append(b, '\n'))
	return err == nil
}

// close ends the service; exit is the answer to whoever still asks.
func (s *server) close(exit deadman.Exit, limit time.Duration) {
	s.exit = exit
	s.listener.Close()
	close(s.over)
	s.flush(limit)
}

// flush waits until the answers given have been written, but not for long.
func (s *server) flush(limit time.Duration) {
	done := make(chan struct{})
	go func() {
		s.open.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(limit):
	}
}

// checkPeer lets in the user of this process and root.
func checkPeer(conn *net.UnixConn) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return fmt.Errorf("peer credentials: %w", err)
	}
	var cred *unix.Ucred
	var credErr error
	err = raw.Control(func(fd uintptr) {
		cred, credErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	})
	if err == nil {
		err = credErr
	}
	if err != nil {
		return fmt.Errorf("peer credentials: %w", err)
	}
	if cred.Uid != 0 && int(cred.Uid) != os.Geteuid() {
		return fmt.Errorf("user %d may not command this launcher", cred.Uid)
	}
	return nil
}
