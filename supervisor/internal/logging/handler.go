// SPDX-License-Identifier: Apache-2.0

package logging

import (
	"bytes"
	"context"
	"log/slog"
	"maps"
	"strings"
	"sync"

	"github.com/coreos/go-systemd/v22/journal"
)

// handler makes an entry of the journal of each record: the message with its attributes for people, and each attribute as
// a field.
type handler struct {
	spool *spool
	level slog.Leveler
	// fields are those of every record, prefix that of the group they are in.
	fields map[string]string
	prefix string
	// text writes attributes as people read them into line, which all handlers of one log share.
	text slog.Handler
	line *line
}

type line struct {
	sync.Mutex
	bytes.Buffer
}

func newHandler(level slog.Leveler, spool *spool, fields map[string]string) *handler {
	h := &handler{spool: spool, level: level, fields: map[string]string{}, prefix: "PGVIGIL_", line: &line{}}
	maps.Copy(h.fields, fields)
	maps.DeleteFunc(h.fields, func(_, value string) bool { return value == "" })
	h.text = slog.NewTextHandler(h.line, &slog.HandlerOptions{Level: level, ReplaceAttr: withoutHead})
	return h
}

// withoutHead drops what an entry of the journal has anyway.
func withoutHead(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && (a.Key == slog.TimeKey || a.Key == slog.LevelKey || a.Key == slog.MessageKey) {
		return slog.Attr{}
	}
	return a
}

// Enabled implements slog.Handler.
func (h *handler) Enabled(_ context.Context, l slog.Level) bool { return l >= h.level.Level() }

// Handle implements slog.Handler.
func (h *handler) Handle(ctx context.Context, r slog.Record) error {
	fields := maps.Clone(h.fields)
	r.Attrs(func(a slog.Attr) bool {
		addField(fields, h.prefix, a)
		return true
	})
	p := priority(r.Level)
	if id := messageID(r.Message, fields["PGVIGIL_ACTION"]); id != "" {
		fields["MESSAGE_ID"], p = id, min(p, journal.PriNotice)
	}
	message, err := h.message(ctx, r)
	h.spool.add(entry{message: message, priority: p, fields: fields})
	return err
}

// message is the record in one line.
func (h *handler) message(ctx context.Context, r slog.Record) (string, error) {
	h.line.Lock()
	defer h.line.Unlock()
	h.line.Reset()
	err := h.text.Handle(ctx, r)
	return strings.TrimSpace(r.Message + " " + h.line.String()), err
}

// WithAttrs implements slog.Handler.
func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	out := *h
	out.text, out.fields = h.text.WithAttrs(attrs), maps.Clone(h.fields)
	for _, a := range attrs {
		addField(out.fields, h.prefix, a)
	}
	return &out
}

// WithGroup implements slog.Handler.
func (h *handler) WithGroup(name string) slog.Handler {
	out := *h
	out.text, out.prefix = h.text.WithGroup(name), h.prefix+fieldName(name)+"_"
	return &out
}

func addField(fields map[string]string, prefix string, a slog.Attr) {
	v := a.Value.Resolve()
	if v.Kind() != slog.KindGroup {
		fields[prefix+fieldName(a.Key)] = v.String()
		return
	}
	if a.Key != "" {
		prefix += fieldName(a.Key) + "_"
	}
	for _, member := range v.Group() {
		addField(fields, prefix, member)
	}
}

// fieldName is a key in the letters that the journal allows.
func fieldName(key string) string {
	return strings.Map(func(c rune) rune {
		if 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' {
			return c
		}
		return '_'
	}, strings.ToUpper(key))
}

func priority(l slog.Level) journal.Priority {
	switch {
	case l >= slog.LevelError:
		return journal.PriErr
	case l >= slog.LevelWarn:
		return journal.PriWarning
	case l >= slog.LevelInfo:
		return journal.PriInfo
	}
	return journal.PriDebug
}
