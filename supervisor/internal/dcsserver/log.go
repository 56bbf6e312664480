// SPDX-License-Identifier: Apache-2.0

package dcsserver

import (
	"context"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// zapLogger hands etcd's log to slog. etcd tells at length what it does, so its "info" becomes our "debug",
// and so does everything once stopping is set: a server being closed complains about every connection.
func zapLogger(log *slog.Logger, stopping *atomic.Bool) *zap.Logger {
	return zap.New(bridge{log.Handler().WithAttrs([]slog.Attr{slog.String("component", "etcd")}), stopping})
}

// bridge is a zapcore.Core over a slog.Handler.
type bridge struct {
	handler  slog.Handler
	stopping *atomic.Bool
}

// Enabled implements zapcore.LevelEnabler.
func (b bridge) Enabled(l zapcore.Level) bool {
	return b.handler.Enabled(context.Background(), level(l))
}

// With implements zapcore.Core.
func (b bridge) With(fields []zapcore.Field) zapcore.Core {
	return bridge{b.handler.WithAttrs(attributes(fields)), b.stopping}
}

// Check implements zapcore.Core.
func (b bridge) Check(e zapcore.Entry, to *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if b.handler.Enabled(context.Background(), b.rank(e)) {
		return to.AddCore(e, b)
	}
	return to
}

// Write implements zapcore.Core.
func (b bridge) Write(e zapcore.Entry, fields []zapcore.Field) error {
	r := slog.NewRecord(e.Time, b.rank(e), e.Message, 0)
	r.AddAttrs(attributes(fields)...)
	return b.handler.Handle(context.Background(), r)
}

// rank is the level of an entry for our readers.
func (b bridge) rank(e zapcore.Entry) slog.Level {
	if b.stopping.Load() || expected(e.Message) {
		return min(level(e.Level), slog.LevelDebug)
	}
	return level(e.Level)
}

// expected tells of complaints about what is so on purpose, or always so at the first start: one port for
// everything, the token format of an authentication that is not turned on, a store without a history.
func expected(message string) bool {
	switch message {
	case "simple token is not cryptographically signed", "Failed to detect schema version", "failed to update storage version":
		return true
	}
	return strings.HasPrefix(message, "Running http and grpc server on single port")
}

// Sync implements zapcore.Core.
func (bridge) Sync() error { return nil }

func level(l zapcore.Level) slog.Level {
	switch {
	case l >= zapcore.ErrorLevel:
		return slog.LevelError
	case l == zapcore.WarnLevel:
		return slog.LevelWarn
	case l == zapcore.InfoLevel:
		return slog.LevelDebug
	}
	return slog.LevelDebug - 4
}

// attributes keeps the order of the fields and spells their names our way.
func attributes(fields []zapcore.Field) []slog.Attr {
	attrs := make([]slog.Attr, 0, len(fields))
	for _, f := range fields {
		enc := zapcore.NewMapObjectEncoder()
		f.AddTo(enc)
		for name, value := range enc.Fields {
			attrs = append(attrs, slog.Any(snake(name), readable(value)))
		}
	}
	return attrs
}

func readable(v any) any {
	if d, ok := v.(time.Duration); ok {
		return d.String()
	}
	return v
}

func snake(name string) string {
	out := []byte(name)
	for i, b := range out {
		if b == '-' || b == ' ' {
			out[i] = '_'
		}
	}
	return string(out)
}
