// SPDX-License-Identifier: Apache-2.0

// Package keepalived looks at the configuration of the Keepalived of this host.
package keepalived

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
)

// ConfigPath is the configuration file of the Keepalived that runs here, in this network, else where it has it by default.
func ConfigPath() string {
	own, _ := os.Readlink("/proc/self/ns/net")
	commands, _ := filepath.Glob("/proc/[0-9]*/comm")
	for _, comm := range commands {
		dir := filepath.Dir(comm)
		name, err := os.ReadFile(comm)
		if err != nil || strings.TrimSpace(string(name)) != "keepalived" {
			continue
		}
		if net, err := os.Readlink(dir + "/ns/net"); err == nil && net != own {
			continue
		}
		if line, err := os.ReadFile(dir + "/cmdline"); err == nil {
			return configOf(bytes.Split(bytes.TrimRight(line, "\x00"), []byte{0}))
		}
	}
	return standard
}

const standard = "/etc/keepalived/keepalived.conf"

// configOf is the configuration file by the arguments of a Keepalived.
func configOf(args [][]byte) string {
	path := standard
	for i, arg := range args {
		switch text := string(arg); {
		case (text == "-f" || text == "--use-file") && i+1 < len(args):
			path = string(args[i+1])
		case strings.HasPrefix(text, "--use-file="):
			path = strings.TrimPrefix(text, "--use-file=")
		case strings.HasPrefix(text, "-f") && len(text) > 2:
			path = text[2:]
		}
	}
	return path
}

// deepest bounds how many files stand one inside the other.
const deepest = 10

// Words are the words of a configuration with all that it includes, without comments, quotes, and the prefix lengths of
// addresses. A file that cannot be read is an error.
func Words(path string) (map[string]bool, error) {
	words := map[string]bool{}
	return words, gather(words, path, deepest)
}

func gather(words map[string]bool, path string, depth int) error {
	text, err := os.ReadFile(path)
	if err != nil || depth == 0 {
		return err
	}
	for line := range strings.Lines(string(text)) {
		if comment := strings.IndexAny(line, "!#"); comment >= 0 {
			line = line[:comment]
		}
		fields := strings.Fields(line)
		for _, word := range fields {
			word = strings.Trim(word, `"`)
			words[word] = true
			if address, _, prefixed := strings.Cut(word, "/"); prefixed && address != "" {
				words[address] = true
			}
		}
		if len(fields) > 1 && strings.HasPrefix(fields[0], "include") {
			if err := include(words, filepath.Dir(path), fields[1], depth-1); err != nil {
				return err
			}
		}
	}
	return nil
}

func include(words map[string]bool, dir, pattern string, depth int) error {
	if !filepath.IsAbs(pattern) {
		pattern = filepath.Join(dir, pattern)
	}
	paths, _ := filepath.Glob(pattern)
	for _, path := range paths {
		if err := gather(words, path, depth); err != nil {
			return err
		}
	}
	return nil
}
