// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/pgvigil/pgvigil/supervisor/internal/config"
)

// secrets looks at the files with secrets that the core's own blocks name.
func (d *Doctor) secrets(_ context.Context, r *report) {
	if tls := d.Config.API.TLS; tls != nil {
		secret(r, "api.tls.key_file", tls.KeyFile)
	}
	if auth := d.Config.API.Auth; auth != nil && auth.PasswordFile != "" {
		secret(r, "api.auth.password_file", auth.PasswordFile)
	}
	if file := d.Config.Heartbeats.SecretFile; file != "" {
		secret(r, "heartbeats.secret_file", file)
	}
}

// secretNames are how attributes of plugins end that name a file with a secret.
var secretNames = []string{"password_file", "key_file", "secret_file", "sslkey"}

// secretsOf looks at the files with secrets that the body of a plugin's block names.
func secretsOf(r *report, block config.PluginBlock, body []byte) {
	var decoded map[string]any
	if json.Unmarshal(body, &decoded) == nil {
		secretsIn(r, block.Name, decoded)
	}
}

func secretsIn(r *report, path string, body any) {
	switch b := body.(type) {
	case []any:
		for _, element := range b {
			secretsIn(r, path, element)
		}
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(b)) {
			text, is := b[name].(string)
			if is && text != "" && slices.ContainsFunc(secretNames, func(end string) bool {
				return strings.HasSuffix(name,
					end)
			}) {
				secret(r, path+"."+name, text)
				continue
			}
			secretsIn(r, path+"."+name, b[name])
		}
	}
}

// secret looks whether a file can be read by this user, and by nobody who should not.
func secret(r *report, attribute, path string) {
	const id = "secrets.file"
	var st unix.Stat_t
	switch err := unix.Stat(path, &st); {
	case errors.Is(err, fs.ErrNotExist):
		r.fail(id, "make it, owned by the user of block postgres, mode 0600", "%s (%s): %v", path, attribute, err)
		return
	case err != nil:
		r.fail(id, "let the user of block postgres pass each directory above it", "%s (%s): %v", path, attribute, err)
		return
	}
	mode := st.Mode & 0o7777
	switch err := unix.Access(path, unix.R_OK); {
	case err != nil:
		r.fail(id, "chown it to the user of block postgres",
			"%s (%s) cannot be read: %v; owner %d, mode %04o", path, attribute, err, st.Uid, mode)
	case mode&0o007 != 0:
		r.fail(id, "chmod o-rwx "+path, "%s (%s) is open to every user: mode %04o", path, attribute, mode)
	case mode&0o020 != 0 || st.Uid != 0 && int(st.Uid) != os.Geteuid():
		r.warn(id, "chown it to root or to the user of block postgres, chmod g-w",
			"%s (%s) can be changed by others: owner %d, mode %04o",
			path, attribute, st.Uid, mode)
	default:
		r.ok(id, "%s (%s), mode %04o", path, attribute, mode)
	}
}
