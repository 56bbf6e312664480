// SPDX-License-Identifier: Apache-2.0

package dcsserver

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// zapLogger hands etcd's log to slog. etcd tells at length what it does, so its "info" becomes our "debug".
func zapLogger(log *slog.Logger) *zap.Logger {
	return zap.New(bridge{handler: log.Handler().WithAttrs([]slog.Attr{slog.String("component", "etcd")})})
}

// bridge is a zapcore.Core over a slog.Handler.
type bridge struct{ handler slog.Handler }

// Enabled implements zapcore.LevelEnabler.
func (b bridge) Enabled(l zapcore.Level) bool {
	return b.handler.Enabled(context.Background(), level(l))
}

// With implements zapcore.Core.
func (b bridge) With(fields []zapcore.Field) zapcore.Core {
	return bridge{b.handler.WithAttrs(attributes(fields))}
}

// Check implements zapcore.Core.
func (b bridge) Check(e zapcore.Entry, to *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if b.Enabled(e.Level) && !expected(e.Message) {
		return to.AddCore(e, b)
	}
	return to
}

// expected tells of warnings about what is so on purpose: one port for everything, and the token format of an
// authentication that is not turned on.
func expected(message string) bool {
	return strings.HasPrefix(message, "Running http and grpc server on single port") ||
		message == "simple token is not cryptographically signed"
}

// Write implements zapcore.Core.
func (b bridge) Write(e zapcore.Entry, fields []zapcore.Field) error {
	r := slog.NewRecord(e.Time, level(e.Level), e.Message, 0)
	r.AddAttrs(attributes(fields)...)
	return b.handler.Handle(context.Background(), r)
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
