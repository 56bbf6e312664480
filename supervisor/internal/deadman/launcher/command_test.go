// SPDX-License-Identifier: Apache-2.0

package launcher

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/pgvigil/pgvigil/supervisor/internal/deadman"
	"pgregory.net/rapid"
)

func TestParseCommand(t *testing.T) {
	const now = 1000
	for line, want := range map[string]command{
		"arm 5":         {verb: "arm", at: 5, issued: now, grace: deadman.DefaultGrace},
		"arm 5 7":       {verb: "arm", at: 5, issued: 7, grace: deadman.DefaultGrace},
		" arm  5\t7\r":  {verb: "arm", at: 5, issued: 7, grace: deadman.DefaultGrace},
		"disarm":        {verb: "disarm", issued: now, grace: deadman.DefaultGrace},
		"disarm 7":      {verb: "disarm", issued: 7, grace: deadman.DefaultGrace},
		"kill":          {verb: "kill", issued: now, grace: deadman.DefaultGrace},
		"kill 0":        {verb: "kill", issued: now},
		"kill 30":       {verb: "kill", issued: now, grace: 30 * time.Millisecond},
		"kill 86400000": {verb: "kill", issued: now, grace: maxGrace},
		"status":        {verb: "status", issued: now, grace: deadman.DefaultGrace},
		"wait":          {verb: "wait", issued: now, grace: deadman.DefaultGrace},
	} {
		got, err := parseCommand(line, now)
		if err != nil {
			t.Errorf("%q: %v", line, err)
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(command{}), cmpopts.IgnoreFields(command{}, "reply")); diff != "" {
			t.Errorf("%q: (-want +got)\n%s", line, diff)
		}
	}
}

// Whatever the line, parsing either fails or yields a command that obey knows, with sane numbers.
func TestParseCommandTotal(t *testing.T) {
	known := map[string]bool{"arm": true, "disarm": true, "kill": true, "status": true, "wait": true}
	word := rapid.SampledFrom([]string{"arm", "disarm", "kill", "status", "wait", "0", "1", "-1", "9223372036854775807", "9223372036854775808", "x", ""})
	rapid.Check(t, func(t *rapid.T) {
		line := ""
		for _, w := range rapid.SliceOfN(word, 0, 4).Draw(t, "words") {
			line += w + rapid.SampledFrom([]string{" ", "  ", "\t"}).Draw(t, "gap")
		}
		c, err := parseCommand(line, 5)
		if err != nil {
			return
		}
		if !known[c.verb] || c.at < 0 || c.issued < 0 || c.grace < 0 || c.grace > maxGrace || c.reply == nil || (c.verb == "arm" && c.at == 0) {
			t.Fatalf("%q parsed as %+v", line, c)
		}
	})
}
