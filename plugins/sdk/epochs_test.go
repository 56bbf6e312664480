// SPDX-License-Identifier: Apache-2.0

package sdk_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/pgvigil/pgvigil/plugins/sdk"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"pgregory.net/rapid"
)

func openEpochs(t rapid.TB, path string) *sdk.Epochs {
	t.Helper()
	e, err := sdk.OpenEpochs(path)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	return e
}

// TestEpochs: whatever is asked in whatever order, and however often it is reopened, an epoch is let in
// exactly if none greater was let in before.
func TestEpochs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "epoch")
	rapid.Check(t, func(t *rapid.T) {
		_ = os.Remove(path)
		e := openEpochs(t, path)
		var greatest uint64
		for _, epoch := range rapid.SliceOfN(rapid.Uint64Range(0, 6), 1, 12).Draw(t, "epochs") {
			want := codes.OK
			if epoch < greatest {
				want = codes.Aborted
			}
			if got := status.Code(e.Check(epoch)); got != want {
				t.Fatalf("check %d after %d: got %s, want %s", epoch, greatest, got, want)
			}
			if got := status.Code(e.Admit(epoch)); got != want {
				t.Fatalf("admit %d after %d: got %s, want %s", epoch, greatest, got, want)
			}
			greatest = max(greatest, epoch)
			if rapid.Bool().Draw(t, "reopen") {
				e = openEpochs(t, path)
			}
			if e.Greatest() != greatest {
				t.Fatalf("greatest is %d, want %d", e.Greatest(), greatest)
			}
		}
	})
}

// TestEpochsWithoutDisk: an epoch that cannot be written down is refused, yet older ones are refused too,
// and it is let in once there is room again.
func TestEpochsWithoutDisk(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	e := openEpochs(t, filepath.Join(dir, "epoch"))
	if got := status.Code(e.Admit(7)); got != codes.Unavailable {
		t.Errorf("admit without a directory: got %s, want %s", got, codes.Unavailable)
	}
	if err := e.Check(7); err != nil {
		t.Errorf("check of the same epoch: %v", err)
	}
	if got := status.Code(e.Check(6)); got != codes.Aborted {
		t.Errorf("check of an older epoch: got %s, want %s", got, codes.Aborted)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := e.Admit(7); err != nil {
		t.Errorf("admit with a directory: %v", err)
	}
	if got := openEpochs(t, filepath.Join(dir, "epoch")).Greatest(); got != 7 {
		t.Errorf("greatest after reopening is %d, want 7", got)
	}
}

func TestEpochsCorrupt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "epoch")
	for _, content := range []string{"", "x", "-1", "1 2", "99999999999999999999999"} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := sdk.OpenEpochs(path); err == nil {
			t.Errorf("file with %q was taken", content)
		}
	}
}

func TestWriteFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	for _, content := range []string{"first", "", "second"} {
		if err := sdk.WriteFile(path, []byte(content), 0o640); err != nil {
			t.Fatalf("write: %v", err)
		}
		got, err := os.ReadFile(path)
		if err != nil || string(got) != content {
			t.Errorf("got %q, %v, want %q", got, err, content)
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("mode %v, %v, want 0640", info.Mode(), err)
	}
	if err := sdk.WriteFile(filepath.Join(dir, "absent", "f"), nil, 0o600); err == nil {
		t.Error("a file in a directory that does not exist was written")
	}
	if err := sdk.WriteFile(dir, nil, 0o600); err == nil {
		t.Error("a directory was replaced")
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
