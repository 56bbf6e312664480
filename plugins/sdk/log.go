// SPDX-License-Identifier: Apache-2.0

package sdk

import (
	"io"
	"log/slog"
	"os"
	"syscall"
)

// LogLevelEnv names the environment variable that sets the level of Logger: debug, info (the
// default), warn or error.
const LogLevelEnv = "PGVIGIL_LOG_LEVEL"

// Logger writes JSON lines to the process's stderr, where the supervisor picks them up. It stays right
// whatever os.Stderr is set to. Serve makes it slog's default.
func Logger() *slog.Logger {
	return slog.New(slog.NewJSONHandler(stderr{}, &slog.HandlerOptions{Level: levelFromEnv()}))
}

func levelFromEnv() slog.Level {
	var l slog.Level
	if err := l.UnmarshalText([]byte(os.Getenv(LogLevelEnv))); err != nil {
		return slog.LevelInfo
	}
	return l
}

// stderr is file descriptor 2 itself. go-plugin replaces os.Stderr by a pipe that blocks when the host
// does not drain it.
type stderr struct{}

func (stderr) Write(p []byte) (int, error) {
	for done := 0; done < len(p); {
		n, err := syscall.Write(2, p[done:])
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			return done, err
		}
		if n == 0 {
			return done, io.ErrShortWrite
		}
		done += n
	}
	return len(p), nil
}
