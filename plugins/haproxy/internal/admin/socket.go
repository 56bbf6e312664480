// SPDX-License-Identifier: Apache-2.0

// Package admin speaks HAProxy's Runtime API, 2.4 to 3.x, over an admin socket.
package admin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"strings"
	"syscall"
	"time"
)

// Patience is how long an exchange with HAProxy may take. It answers within a millisecond unless its
// machine has no time for it.
const Patience = 600 * time.Millisecond

// ErrHangs is the error of an HAProxy that is there and does not answer.
var ErrHangs = errors.New("does not answer")

// maxAnswer bounds what is read in one exchange, in bytes.
const maxAnswer = 16 << 20

// Socket is the path of an admin socket.
type Socket string

// Run sends commands over one connection, so that one process gets them all, in this order. It returns
// their answers, one for each; an empty one is how most commands say that they were done. It takes no
// longer than Patience. After an error it is unknown what was done.
func (s Socket) Run(ctx context.Context, commands ...string) ([]string, error) {
	answers, err := run(ctx, string(s), commands...)
	return answers, explain(err, string(s),
		fmt.Sprintf("the line \"stats socket %s mode 660 group … level admin\" of its global section", s))
}

func run(ctx context.Context, path string, commands ...string) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	raw, err := exchange(ctx, path, strings.Join(commands, ";")+"\n")
	if err != nil {
		return nil, err
	}
	if len(commands) == 1 {
		return []string{strings.TrimSpace(raw)}, nil // some refusals do not end as they should
	}
	answers := split(raw)
	if len(answers) != len(commands) {
		return nil, fmt.Errorf("%d answers to %d commands: is this the socket of an HAProxy?", len(answers), len(commands))
	}
	return answers, nil
}

// exchange sends a line and reads until HAProxy hangs up, which it does when it has answered.
func exchange(ctx context.Context, path, line string) (string, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", path)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()
	if _, err := conn.Write([]byte(line)); err != nil {
		return "", err
	}
	if err := conn.(*net.UnixConn).CloseWrite(); err != nil { // a master waits for more commands until then
		return "", err
	}
	raw, err := io.ReadAll(io.LimitReader(conn, maxAnswer))
	return string(raw), err
}

// split cuts what was read into answers: each ends with an empty line.
func split(raw string) []string {
	var answers, answer []string
	for line := range strings.Lines(raw) {
		if line = strings.TrimRight(line, "\n"); line != "" {
			answer = append(answer, line)
			continue
		}
		answers, answer = append(answers, strings.Join(answer, "\n")), nil
	}
	return answers
}

// explain tells what to change; made is by what the socket is made.
func explain(err error, path, made string) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("no socket %s: start HAProxy with %s", path, made)
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("nobody listens on %s: start HAProxy with %s", path, made)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("may not use %s: make the user of pgvigild a member of the group in %s", path, made)
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded), errors.Is(err, syscall.EAGAIN):
		return fmt.Errorf("HAProxy behind %s %w", path, ErrHangs)
	}
	return fmt.Errorf("%s: %w", path, err)
}
