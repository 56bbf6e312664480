// SPDX-License-Identifier: Apache-2.0

package launcher

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pgvigil/pgvigil/supervisor/internal/deadman"
)

func leave(t *testing.T, r Request, mode os.FileMode) string {
	t.Helper()
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "request")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

// A request is acted upon once.
func TestTakeRequest(t *testing.T) {
	want := Request{Args: []string{"--", "postgres"}, Env: []string{"A=b=c"}, UntilNs: deadman.BootNow() + int64(time.Minute)}
	path := leave(t, want, 0o600)
	got, err := TakeRequest(path)
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
	if _, err := TakeRequest(path); err == nil || !strings.Contains(err.Error(), "nothing to start") {
		t.Errorf("taken again: %v", err)
	}
}

func TestTakeRequestRefused(t *testing.T) {
	fresh := Request{UntilNs: deadman.BootNow() + int64(time.Minute)}
	for want, path := range map[string]string{
		"nobody else may write": leave(t, fresh, 0o620),
		"too old":               leave(t, Request{UntilNs: deadman.BootNow() - 1}, 0o600),
		"symbolic links":        link(t, leave(t, fresh, 0o600)),
		"of user":               t.TempDir(),
	} {
		if _, err := TakeRequest(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
		if left, _ := filepath.Glob(path + "*"); len(left) > 0 {
			t.Errorf("%s: left %v", want, left)
		}
	}
}

func link(t *testing.T, to string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(to, path); err != nil {
		t.Fatal(err)
	}
	return path
}
