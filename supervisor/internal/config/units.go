// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"math"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// sizeUnits are PostgreSQL's: powers of 1024.
var sizeUnits = []struct {
	name  string
	bytes int64
}{{"B", 1}, {"kB", 1 << 10}, {"MB", 1 << 20}, {"GB", 1 << 30}, {"TB", 1 << 40}}

var quantity = regexp.MustCompile(`^([0-9]+(?:\.[0-9]+)?)\s*([A-Za-zµ]*)$`)

// parseSize reads "16MB" or "1024"; the error is a sentence for people.
func parseSize(text string) (int64, error) {
	m := quantity.FindStringSubmatch(strings.TrimSpace(text))
	if m == nil {
		return 0, fmt.Errorf(`%q is not a size. Write a number and a unit such as "16MB"`, text)
	}
	if m[2] == "" {
		return toBytes(m[1], 1)
	}
	for _, u := range sizeUnits {
		if u.name == m[2] {
			return toBytes(m[1], u.bytes)
		}
	}
	return 0, fmt.Errorf("%q is not a unit of size; the units are B, kB, MB, GB and TB, powers of 1024.%s", m[2], sizeHint(m[1], m[2]))
}

// sizeHint guesses at "16mb", "16M" and "16MiB".
func sizeHint(number, unit string) string {
	letter := strings.ToLower(unit)[:1]
	for _, u := range sizeUnits {
		if strings.ToLower(u.name)[:1] == letter && len(unit) <= 3 {
			return fmt.Sprintf(" Did you mean %q?", number+u.name)
		}
	}
	return ""
}

func toBytes(number string, unit int64) (int64, error) {
	n, ok := new(big.Rat).SetString(number)
	if !ok {
		return 0, fmt.Errorf("%q is not a number", number)
	}
	n.Mul(n, new(big.Rat).SetInt64(unit))
	whole := new(big.Int).Quo(n.Num(), n.Denom())
	if !whole.IsInt64() {
		return 0, fmt.Errorf("%s is more than %d bytes", number, int64(math.MaxInt64))
	}
	return whole.Int64(), nil
}

// formatSize writes a size with the largest unit that leaves it whole.
func formatSize(n int64) string {
	if n == 0 {
		return "0"
	}
	for i := len(sizeUnits) - 1; i > 0; i-- {
		if u := sizeUnits[i]; n%u.bytes == 0 {
			return strconv.FormatInt(n/u.bytes, 10) + u.name
		}
	}
	return strconv.FormatInt(n, 10) + "B"
}

// parseDuration reads "10s" or "1m30s"; the error is a sentence for people.
func parseDuration(text string) (time.Duration, error) {
	d, err := time.ParseDuration(strings.TrimSpace(text))
	if err == nil {
		return d, nil
	}
	return 0, fmt.Errorf(`%q is not a duration; the units are ns, us, ms, s, m and h.%s`, text, durationHint(text))
}

// durationHint guesses at "30", "10 s", "5min" and "1d".
func durationHint(text string) string {
	m := quantity.FindStringSubmatch(strings.TrimSpace(text))
	if m == nil {
		return ` Write for example "10s" or "1m30s"`
	}
	unit := map[string]string{
		"": "s", "s": "s", "sec": "s", "secs": "s", "second": "s", "seconds": "s",
		"m": "m", "min": "m", "mins": "m", "minute": "m", "minutes": "m",
		"h": "h", "hour": "h", "hours": "h", "ms": "ms", "msec": "ms", "us": "us", "usec": "us",
	}[strings.ToLower(m[2])]
	if days, err := strconv.Atoi(m[1]); err == nil && strings.HasPrefix(strings.ToLower(m[2]), "d") {
		return fmt.Sprintf(` Did you mean "%dh"?`, 24*days)
	}
	if unit == "" {
		return ` Write for example "10s" or "1m30s"`
	}
	return fmt.Sprintf(" Did you mean %q?", m[1]+unit)
}
