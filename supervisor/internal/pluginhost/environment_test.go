// SPDX-License-Identifier: Apache-2.0

package pluginhost

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestEnvironmentIsWhitelisted(t *testing.T) {
	host := []string{
		"PATH=/bin", "LC_ALL=C", "XDG_RUNTIME_DIR=/run", "PGVIGIL_LOG_LEVEL=debug", "TZ=UTC",
		"SECRET=1", "PATHS=1", "NOTIFY_SOCKET=/run/n", "WATCHDOG_USEC=1", "LISTEN_FDS=1", "CREDENTIALS_DIRECTORY=/c", "LD_PRELOAD=x",
	}
	got := environment(host, []string{"A=1", "NOTIFY_SOCKET=/x"}, []string{"PLUGIN=1"})
	want := []string{"PATH=/bin", "LC_ALL=C", "XDG_RUNTIME_DIR=/run", "PGVIGIL_LOG_LEVEL=debug", "TZ=UTC", "A=1", "PLUGIN=1"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestPluginSeesOnlyWhatItMay(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "/run/systemd/notify")
	t.Setenv("SOME_PASSWORD", "hush")
	t.Setenv("PGVIGIL_SHOWN", "yes")
	spec := fakeSpec(t, "good")
	h, _ := openHost(t, spec)
	view, err := h.DCS().Read(t.Context(), "environment")
	must(t, err)
	seen := string(view.Keys[0].Value)
	for text, want := range map[string]bool{
		"NOTIFY_SOCKET": false, "SOME_PASSWORD": false, "PGVIGIL_SHOWN=yes": true,
		"PLUGIN_UNIX_SOCKET_DIR=" + spec.socketDir(): true,
	} {
		if strings.Contains(seen, text) != want {
			t.Errorf("%s in the plugin's environment: %t, want %t", text, !want, want)
		}
	}
	for _, dir := range []string{spec.socketDir(), spec.ownRunDir(), spec.ownStateDir()} {
		info, err := os.Stat(dir)
		must(t, err)
		if info.Mode().Perm() != 0o700 {
			t.Errorf("%s has mode %o", dir, info.Mode().Perm())
		}
	}
}
