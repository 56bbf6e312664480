// SPDX-License-Identifier: Apache-2.0

package config

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestSizes(t *testing.T) {
	for text, want := range map[string]int64{
		"0": 0, "1024": 1024, "1B": 1, "1kB": 1 << 10, "16MB": 16 << 20, "16 MB": 16 << 20, "1.5GB": 3 << 29, "2TB": 2 << 40,
	} {
		if got, complaint := parseSize(text); got != want || complaint != "" {
			t.Errorf("%q = %d, want %d (%s)", text, got, want, complaint)
		}
	}
	for _, text := range []string{"", "MB", "-1", "1KB", "1mb", "1MiB", "1 2", "99999999TB", "1e3"} {
		if got, complaint := parseSize(text); complaint == "" {
			t.Errorf("%q = %d", text, got)
		}
	}
}

func TestSizesReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Int64Range(0, 1<<50).Draw(t, "n")
		if got, complaint := parseSize(FormatSize(n)); got != n || complaint != "" {
			t.Fatalf("%d is written %s and read %d", n, FormatSize(n), got)
		}
	})
}

// What is suggested for a duration is one.
func TestDurationHints(t *testing.T) {
	for text, want := range map[string]time.Duration{"30": 30 * time.Second, "10 s": 10 * time.Second, "5min": 5 * time.Minute, "2 days": 48 * time.Hour, "1 Hour": time.Hour} {
		hint := strings.TrimSuffix(strings.TrimPrefix(durationHint(text), `Did you mean "`), `"?`)
		if got, complaint := parseDuration(hint); got != want || complaint != "" {
			t.Errorf("for %q: %q, want %s", text, hint, want)
		}
	}
	if hint := durationHint("soon"); hint != "" {
		t.Errorf("for soon: %s", hint)
	}
}

func TestNearest(t *testing.T) {
	known := []string{"ttl", "data_dir", "durability", "noloadbalance"}
	for given, want := range map[string]string{
		"tll": "ttl", "TTL": "ttl", "data-dir": "data_dir", "data_dri": "data_dir", "durablity": "durability",
		"no_load_balance": "noloadbalance", "bananas": "", "t": "", "": "", strings.Repeat("x", 100): "",
	} {
		if got := nearest(given, known); got != want {
			t.Errorf("for %q: %q, want %q", given, got, want)
		}
	}
}

func TestDistanceIsAMetric(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.StringMatching(`[abc]{0,6}`)
		a, b := word.Draw(t, "a"), word.Draw(t, "b")
		if (distance(a, b) == 0) != (a == b) || distance(a, b) != distance(b, a) || distance(a, b) > max(len(a), len(b)) {
			t.Fatalf("distance(%q, %q) = %d, back %d", a, b, distance(a, b), distance(b, a))
		}
	})
}
