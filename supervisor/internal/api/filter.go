// SPDX-License-Identifier: Apache-2.0

package api

import (
	"fmt"
	"math"
	"net/url"
	"strconv"
	"strings"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
)

// filter is what a query asks of a standby on top of its being one.
type filter struct {
	// lag is how many bytes it may be behind; received measures what it has, else what it shows.
	lag      uint64
	limited  bool
	received bool
	// state is the wanted state of replication, empty for any.
	state string
	tags  map[string]string
}

// parseFilter reads lag, replication_state and tag_<name>. Other names are left alone, as a proxy may add them.
func parseFilter(query string) (filter, error) {
	var f filter
	if query == "" {
		return f, nil
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		return f, fmt.Errorf("query: %w", err)
	}
	if values.Has("lag") {
		if f.lag, err = parseSize(values.Get("lag")); err != nil {
			return f, fmt.Errorf("lag: %w", err)
		}
		f.limited = true
	}
	f.state = values.Get("replication_state")
	for name := range values {
		if tag, ok := strings.CutPrefix(name, "tag_"); ok {
			f.want(tag, values.Get(name))
		}
	}
	return f, nil
}

// parseReadiness reads lag and mode; the lag is limited in any case.
func parseReadiness(query string, limit uint64) (filter, error) {
	f, err := parseFilter(query)
	if err != nil {
		return f, err
	}
	if !f.limited {
		f.lag, f.limited = limit, true
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		return f, fmt.Errorf("query: %w", err)
	}
	switch mode := values.Get("mode"); mode {
	case "", "apply":
	case "write":
		f.received = true
	default:
		return f, fmt.Errorf("mode: %q is not one of apply, write", clip(mode))
	}
	return f, nil
}

func (f *filter) want(tag, value string) {
	if f.tags == nil {
		f.tags = make(map[string]string)
	}
	f.tags[tag] = value
}

func (f *filter) match(v *view) bool {
	return f.closeEnough(v) && (f.state == "" || f.state == v.replicationState()) && f.tagged(v.self.Tags)
}

func (f *filter) closeEnough(v *view) bool {
	if !f.limited {
		return true
	}
	at := core.LSN(0)
	if v.Postgres != nil {
		at = v.Postgres.Replayed
		if f.received {
			at = max(v.Postgres.Received, v.Postgres.LSN, v.Postgres.Replayed)
		}
	}
	return v.behind(at) <= f.lag
}

// tagged tells whether every wanted tag is there; booleans compare without case, as Patroni's do.
func (f *filter) tagged(tags map[string]string) bool {
	for name, want := range f.tags {
		if have, ok := tags[name]; !ok || !strings.EqualFold(have, want) {
			return false
		}
	}
	return true
}

// parseSize reads "1024", "16kB", "1MB", "2 GB", "1TB": units are powers of 1024.
func parseSize(text string) (uint64, error) {
	trimmed := strings.TrimSpace(text)
	digits := len(trimmed) - len(strings.TrimLeft(trimmed, "0123456789"))
	n, err := strconv.ParseUint(trimmed[:digits], 10, 64)
	shift, known := sizeUnits()[strings.ToLower(strings.TrimSpace(trimmed[digits:]))]
	if err != nil || !known || n > math.MaxUint64>>shift {
		return 0, fmt.Errorf("%q is not a size such as 1048576, 16kB, 1MB or 1GB", clip(text))
	}
	return n << shift, nil
}

func sizeUnits() map[string]uint {
	return map[string]uint{"": 0, "b": 0, "kb": 10, "mb": 20, "gb": 30, "tb": 40}
}
