// SPDX-License-Identifier: Apache-2.0

package pluginhost

import (
	"slices"
	"strings"
)

// inherited names the variables a plugin inherits from the daemon; a name that ends in _ stands for every
// variable that begins with it. What belongs to the daemon alone (systemd's sockets, credentials, notification
// and watchdog) is not among them, and cannot be added by a spec either.
func inherited() []string {
	return []string{
		"PATH", "HOME", "USER", "LOGNAME", "TMPDIR", "LANG", "TZ", "LC_", "XDG_", "PGVIGIL_",
		"SSL_CERT_FILE", "SSL_CERT_DIR",
		"GOGC", "GOMEMLIMIT", "GOMAXPROCS", "GOTRACEBACK",
	}
}

func forbidden() []string {
	return []string{"NOTIFY_SOCKET", "WATCHDOG_", "CREDENTIALS_DIRECTORY", "LISTEN_"}
}

// environment of a plugin: what it may inherit, then what the spec adds, then what the protocol needs.
func environment(host, spec, protocol []string) []string {
	env := slices.DeleteFunc(slices.Clone(host), func(kv string) bool { return !matches(kv, inherited()) })
	env = append(env, spec...)
	env = slices.DeleteFunc(env, func(kv string) bool { return matches(kv, forbidden()) })
	return append(env, protocol...)
}

func matches(kv string, names []string) bool {
	key, _, _ := strings.Cut(kv, "=")
	return slices.ContainsFunc(names, func(name string) bool {
		return key == name || strings.HasSuffix(name, "_") && strings.HasPrefix(key, name)
	})
}
