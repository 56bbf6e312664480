// SPDX-License-Identifier: Apache-2.0

package pluginhost

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"

	goplugin "github.com/hashicorp/go-plugin"
	"golang.org/x/sys/unix"
)

// trustedBinary resolves the plugin's binary and refuses one that somebody else could have put there. The
// directory of the link and that of its target are both looked at.
func trustedBinary(s Spec) (string, error) {
	path, err := filepath.EvalSymlinks(s.Command)
	if err != nil {
		return "", refusef("binary of plugin: %w", err)
	}
	for _, dir := range []string{filepath.Dir(s.Command), filepath.Dir(path)} {
		if err := checkOwner(dir, unix.S_IFDIR, "a directory"); err != nil {
			return "", err
		}
	}
	if err := checkOwner(path, unix.S_IFREG, "a regular file"); err != nil {
		return "", err
	}
	if err := unix.Access(path, unix.X_OK); err != nil {
		return "", refusef("%s is not executable: %w", path, err)
	}
	return path, checkDigest(path, s.SHA256)
}

// checkOwner refuses what is not of the type, or that anybody but root and this user may change.
func checkOwner(path string, format uint32, what string) error {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return refusef("%s: %w", path, err)
	}
	switch {
	case st.Mode&unix.S_IFMT != format:
		return refusef("%s is not %s", path, what)
	case st.Uid != 0 && int(st.Uid) != os.Geteuid():
		return refusef("%s belongs to user id %d: must be root or user id %d, which runs this supervisor", path, st.Uid, os.Geteuid())
	case st.Mode&0o022 != 0:
		return refusef("%s may be written by others (mode %04o): remove that with chmod go-w", path, st.Mode&0o7777)
	}
	return nil
}

// checkDigest compares the file's SHA-256 with the wanted one, if any.
func checkDigest(path, want string) error {
	if want == "" {
		return nil
	}
	sum, err := hex.DecodeString(want)
	if err != nil {
		return refusef("sha256 %q: %w", want, err)
	}
	secure := goplugin.SecureConfig{Checksum: sum, Hash: sha256.New()}
	ok, err := secure.Check(path)
	if err != nil {
		return refusef("sha256 of %s: %w", path, err)
	}
	if !ok {
		return refusef("%s does not have the sha256 the configuration demands: have %x", path, secure.Hash.Sum(nil))
	}
	return nil
}

// RefusedError tells that a plugin will not be run as it is: starting it again cannot help until somebody
// changes the file, its version or the configuration.
type RefusedError struct{ reason error }

// Error is the reason.
func (e *RefusedError) Error() string { return e.reason.Error() }

// Unwrap is the reason.
func (e *RefusedError) Unwrap() error { return e.reason }

func refusef(format string, args ...any) error {
	return &RefusedError{fmt.Errorf(format, args...)}
}
