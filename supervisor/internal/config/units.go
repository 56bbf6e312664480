// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
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

// parseSize reads "16MB" or "1024". A complaint, in sentences, means that it is none.
func parseSize(text string) (n int64, complaint string) {
	m := quantity.FindStringSubmatch(strings.TrimSpace(text))
	if m == nil {
		return 0, "The units are B, kB, MB, GB and TB, powers of 1024, a number of at least 0 before it."
	}
	if m[2] == "" {
		return toBytes(m[1], 1)
	}
	for _, u := range sizeUnits {
		if u.name == m[2] {
			return toBytes(m[1], u.bytes)
		}
	}
	return 0, sentences("The units are B, kB, MB, GB and TB, powers of 1024.", sizeHint(m[1], m[2]))
}

// sizeHint guesses at "16mb", "16M" and "16MiB".
func sizeHint(number, unit string) string {
	letter := strings.ToLower(unit)[:1]
	for _, u := range sizeUnits {
		if strings.ToLower(u.name)[:1] == letter && len(unit) <= 3 {
			return fmt.Sprintf("Did you mean %q?", number+u.name)
		}
	}
	return ""
}

func toBytes(number string, unit int64) (n int64, complaint string) {
	exact, ok := new(big.Rat).SetString(number)
	if !ok {
		return 0, "That is not a number."
	}
	exact.Mul(exact, new(big.Rat).SetInt64(unit))
	whole := new(big.Int).Quo(exact.Num(), exact.Denom())
	if !whole.IsInt64() {
		return 0, "That is more than a file can have."
	}
	return whole.Int64(), ""
}

// FormatSize writes a number of bytes with the largest unit that leaves it whole, such as "16MB".
func FormatSize(n int64) string {
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

// parseDuration reads "10s" or "1m30s". A complaint, in sentences, means that it is none.
func parseDuration(text string) (d time.Duration, complaint string) {
	d, err := time.ParseDuration(strings.TrimSpace(text))
	if err == nil {
		return d, ""
	}
	return 0, sentences("The units are ns, us, ms, s, m and h, a number before each.", durationHint(text))
}

// durationHint guesses at "30", "10 s", "5min" and "1d".
func durationHint(text string) string {
	m := quantity.FindStringSubmatch(strings.TrimSpace(text))
	if m == nil {
		return ""
	}
	unit := map[string]string{
		"": "s", "s": "s", "sec": "s", "secs": "s", "second": "s", "seconds": "s",
		"m": "m", "min": "m", "mins": "m", "minute": "m", "minutes": "m",
		"h": "h", "hour": "h", "hours": "h", "ms": "ms", "msec": "ms", "us": "us", "usec": "us",
	}[strings.ToLower(m[2])]
	if days, err := strconv.Atoi(m[1]); err == nil && strings.HasPrefix(strings.ToLower(m[2]), "d") {
		return fmt.Sprintf(`Did you mean "%dh"?`, 24*days)
	}
	if unit == "" {
		return ""
	}
	return fmt.Sprintf("Did you mean %q?", m[1]+unit)
}
