// SPDX-License-Identifier: Apache-2.0

package pluginhost

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// openError is why a host with the plugin cannot be opened.
func openError(t *testing.T, spec Spec, patience time.Duration) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	h := New((&record{}).logger(), spec)
	err := h.Open(ctx)
	if err == nil {
		t.Fatal(errors.Join(errors.New("host opened"), h.Close()))
	}
	return err
}

// TestUnfitPluginIsRefused: a refusal comes at once, although Open would wait much longer for a plugin that
// merely crashes.
func TestUnfitPluginIsRefused(t *testing.T) {
	for mode, want := range map[string]string{
		"kind":   "is a router plugin, not a dcs plugin",
		"name":   `calls itself "impostor"`,
		"api":    "speaks API versions [7], this supervisor version 1",
		"unable": "lacks the capabilities dcs.commit, dcs.watch",
	} {
		t.Run(mode, func(t *testing.T) {
			err := openError(t, fakeSpec(t, mode), 30*time.Second)
			var refused *RefusedError
			if !errors.As(err, &refused) || !strings.Contains(err.Error(), want) {
				t.Errorf("error %v, want a refusal that says %q", err, want)
			}
		})
	}
}

func TestBrokenHandshakeIsExplained(t *testing.T) {
	for mode, want := range map[string]string{
		"version":     "incompatible API version",
		"cookie":      "These are not meant to be executed directly",
		"garbage":     "Unrecognized remote plugin message: hello world",
		"tcp":         `plugin listens on tcp "127.0.0.1:1", must be a unix socket`,
		"certificate": "handshake reply not understood",
		"mute":        "context deadline exceeded",
	} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			spec := fakeSpec(t, mode)
			if mode == "certificate" {
				spec.Transport = InsecureLocal
			}
			patience := 30 * time.Second
			if mode == "mute" {
				patience = 1500 * time.Millisecond
			}
			if err := openError(t, spec, patience); !strings.Contains(err.Error(), want) {
				t.Errorf("error %v does not say %q", err, want)
			}
		})
	}
}

func TestUntrustedFileIsRefused(t *testing.T) {
	cases := map[string]struct {
		spoil func(*testing.T, *Spec)
		want  string
	}{
		"absent":         {func(t *testing.T, s *Spec) { must(t, os.Remove(s.Command)) }, "no such file"},
		"a directory":    {func(t *testing.T, s *Spec) { must(t, os.Remove(s.Command)); must(t, os.Mkdir(s.Command, 0o755)) }, "is not a regular file"},
		"not executable": {func(t *testing.T, s *Spec) { must(t, os.Chmod(s.Command, 0o644)) }, "is not executable"},
		"group writable": {func(t *testing.T, s *Spec) { must(t, os.Chmod(s.Command, 0o775)) }, "may be written by others (mode 0775)"},
		"world writable": {func(t *testing.T, s *Spec) { must(t, os.Chmod(s.Command, 0o757)) }, "may be written by others (mode 0757)"},
		"open directory": {func(t *testing.T, s *Spec) { must(t, os.Chmod(filepath.Dir(s.Command), 0o777)) }, "may be written by others (mode 0777)"},
		"link to a bad file": {func(t *testing.T, s *Spec) {
			bad := filepath.Join(shortDir(t), "binary")
			copyFile(t, bad, s.Command)
			must(t, os.Chmod(bad, 0o777))
			must(t, os.Remove(s.Command))
			must(t, os.Symlink(bad, s.Command))
		}, "binary may be written by others (mode 0777)"},
		"link in an open directory": {func(t *testing.T, s *Spec) {
			dir := shortDir(t)
			must(t, os.Chmod(dir, 0o777))
			link := filepath.Join(dir, "link")
			must(t, os.Symlink(s.Command, link))
			s.Command = link
		}, "may be written by others (mode 0777)"},
		"other digest": {func(_ *testing.T, s *Spec) { s.SHA256 = strings.Repeat("ab", 32) }, "does not have the sha256"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			spec := fakeSpec(t, "good")
			c.spoil(t, &spec)
			err := openError(t, spec, 30*time.Second)
			var refused *RefusedError
			if !errors.As(err, &refused) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want a refusal that says %q", err, c.want)
			}
		})
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestDigestIsCheckedAtEveryStart: go-plugin's checksum object can be used only once.
func TestDigestIsCheckedAtEveryStart(t *testing.T) {
	spec := fakeSpec(t, "good")
	raw, err := os.ReadFile(spec.Command)
	must(t, err)
	sum := sha256.Sum256(raw)
	spec.SHA256 = hex.EncodeToString(sum[:])
	for range 2 {
		if _, err := trustedBinary(spec); err != nil {
			t.Error(err)
		}
	}
	openHost(t, spec)
}

func TestBadSpecIsRefused(t *testing.T) {
	good := Spec{Kind: KindDCS, Name: "etcd", Command: "/bin/true", RunDir: "/run/x", StateDir: "/var/lib/x"}
	must(t, good.check())
	for want, spoil := range map[string]func(*Spec){
		"unknown plugin kind":          func(s *Spec) { s.Kind = "vip" },
		`plugin name "../x"`:           func(s *Spec) { s.Name = "../x" },
		"unknown transport":            func(s *Spec) { s.Transport = "carrier-pigeon" },
		"command \"etcd\" is not":      func(s *Spec) { s.Command = "etcd" },
		"run directory \"\" is not":    func(s *Spec) { s.RunDir = "" },
		"state directory \"x\" is not": func(s *Spec) { s.StateDir = "x" },
		"not 64 hexadecimal digits":    func(s *Spec) { s.SHA256 = "abcd" },
		"more than the 107":            func(s *Spec) { s.RunDir = "/run/" + strings.Repeat("x", 90) },
	} {
		spec := good
		spoil(&spec)
		if err := spec.check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v does not say %q", err, want)
		}
	}
	if err := New((&record{}).logger(), good, good).Open(t.Context()); err == nil || !strings.Contains(err.Error(), `two plugins are called "etcd"`) {
		t.Errorf("twice the same name: %v", err)
	}
}

// TestLongestSocketPathWorks: one byte more is refused by check.
func TestLongestSocketPathWorks(t *testing.T) {
	spec := fakeSpec(t, "good")
	room := maxSocketPath - (len(spec.socketDir()) + 1 + socketNameLength)
	spec.RunDir += strings.Repeat("x", room)
	openHost(t, spec)
	spec.RunDir += "x"
	if err := spec.check(); err == nil {
		t.Error("a longer path was accepted")
	}
}
