// SPDX-License-Identifier: Apache-2.0

package pluginhost

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"
)

// maxAttributes bounds the attributes taken over from one line.
const maxAttributes = 64

// entry is a line of output, understood as far as possible.
type entry struct {
	level      slog.Level
	message    string
	attrs      []slog.Attr
	structured bool
}

// parseEntry reads a line as slog or hclog JSON; anything else is text. No line is an error.
func parseEntry(line []byte) entry {
	if fields, ok := parseObject(line); ok {
		if e, ok := fromFields(fields); ok {
			return e
		}
	}
	text := strings.ToValidUTF8(string(bytes.TrimRight(line, "\r")), "?")
	level, rest := cutLevel(text)
	return entry{level: level, message: rest}
}

func parseObject(line []byte) (map[string]any, bool) {
	if !bytes.HasPrefix(bytes.TrimSpace(line), []byte{'{'}) {
		return nil, false
	}
	d := json.NewDecoder(bytes.NewReader(line))
	d.UseNumber()
	var fields map[string]any
	if err := d.Decode(&fields); err != nil {
		return nil, false
	}
	_, err := d.Token()
	return fields, errors.Is(err, io.EOF)
}

// fromFields wants a message under slog's or hclog's name. Members of another type than expected count as
// attributes.
func fromFields(fields map[string]any) (entry, bool) {
	e := entry{structured: true}
	var found bool
	for _, name := range []string{"msg", "@message"} {
		if text, ok := fields[name].(string); ok && !found {
			e.message, found = text, true
			delete(fields, name)
		}
	}
	if !found {
		return entry{}, false
	}
	for _, name := range []string{"level", "@level"} {
		if level, ok := parseLevel(fields[name]); ok {
			e.level = level
			delete(fields, name)
		}
	}
	for _, name := range []string{"time", "@timestamp"} {
		delete(fields, name)
	}
	e.attrs = attributes(fields)
	return e, true
}

func attributes(fields map[string]any) []slog.Attr {
	var attrs []slog.Attr
	for _, key := range slices.Sorted(maps.Keys(fields)) {
		if len(attrs) == maxAttributes {
			return append(attrs, slog.Int("cut_attributes", len(fields)-maxAttributes))
		}
		attrs = append(attrs, slog.Any(attributeKey(key), attributeValue(fields[key])))
	}
	return attrs
}

// attributeKey keeps a plugin from passing itself off as another one.
func attributeKey(key string) string {
	key = strings.TrimPrefix(key, "@")
	switch key {
	case "plugin", "pid", "time", "level", "msg", "source":
		return "plugin_" + key
	}
	return key
}

func attributeValue(v any) any {
	switch v := v.(type) {
	case json.Number:
		return v.String()
	case map[string]any, []any:
		raw, err := json.Marshal(v)
		if err != nil {
			return fmt.Sprint(v)
		}
		return string(raw)
	}
	return v
}

// parseLevel reads slog's and hclog's level names.
func parseLevel(v any) (slog.Level, bool) {
	name, ok := v.(string)
	if !ok {
		return 0, false
	}
	if strings.EqualFold(name, "trace") {
		return slog.LevelDebug, true
	}
	var level slog.Level
	return level, level.UnmarshalText([]byte(name)) == nil
}

// cutLevel reads a level in brackets before the text, such as "[WARN] disk is slow".
func cutLevel(text string) (slog.Level, string) {
	inner, ok := strings.CutPrefix(text, "[")
	if !ok {
		return slog.LevelInfo, text
	}
	name, rest, ok := strings.Cut(inner, "]")
	if !ok {
		return slog.LevelInfo, text
	}
	level, ok := parseLevel(name)
	if !ok {
		return slog.LevelInfo, text
	}
	return level, strings.TrimSpace(rest)
}

// isPanic tells the first line of a Go program's death.
func isPanic(text string) bool {
	return strings.HasPrefix(text, "panic: ") || strings.HasPrefix(text, "fatal error: ")
}
