// SPDX-License-Identifier: Apache-2.0

// Package ownfile keeps a configuration file that is the plugin's own: a section for the primary and one for
// the replicas, with every member as a server.
package ownfile

import (
	"bytes"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// mark is the first line of the file, and what tells it from others' files.
const mark = "# Written by pgvigil, which replaces it when a member is added, moved or gone for a day.\n"

// Section is a listen section.
type Section struct {
	Name, Bind string
	// Check is the path and query of the health check.
	Check string
	// Cut has sessions end when a check takes a server down.
	Cut bool
	// Impatient has a client whose connection the server refuses told at once, instead of that server tried again a second later.
	Impatient bool
}

// Members are addresses with port, by name.
type Members map[string]string

// render is the content of the file; equal members give equal bytes.
func (c Config) render(members Members) []byte {
	var b bytes.Buffer
	b.WriteString(mark)
	for _, s := range c.Sections {
		server := c.Server
		if s.Cut {
			server += " on-marked-down shutdown-sessions"
		}
		fmt.Fprintf(&b, section, s.Name, s.Bind, s.Check, server)
		if s.Impatient {
			b.WriteString("    retries 0\n")
		}
		for _, m := range slices.Sorted(maps.Keys(members)) {
			fmt.Fprintf(&b, "    server %s %s check\n", m, members[m])
		}
	}
	return b.Bytes()
}

const section = `
listen %s
    bind %s
    mode tcp
    timeout connect 4s
    timeout client 1d
    timeout server 1d
    timeout check 2s
    option clitcpka
    option srvtcpka
    option httpchk OPTIONS %s
    http-check expect status 200
    default-server init-addr last,libc,none %s
`

// parse finds the members in the content of the file.
func parse(content []byte) Members {
	members := Members{}
	for _, m := range regexp.MustCompile(`(?m)^ +server (\S+) (\S+) check$`).FindAllStringSubmatch(string(content), -1) {
		members[m[1]] = m[2]
	}
	return members
}

// ours tells whether content is a file that render made, in this version or another.
func ours(content []byte) bool {
	return strings.HasPrefix(string(content), "# Written by pgvigil")
}
