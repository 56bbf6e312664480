// SPDX-License-Identifier: Apache-2.0

package conf

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/pgvigil/pgvigil/plugins/sdk"
	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
)

// File is the databases_file block.
type File struct {
	Path    string            `json:"path"`
	Entries map[string]string `json:"entries"`
}

// Write makes the file lead to a primary, and tells whether it did not before.
func (f *File) Write(primary *pluginv1.Endpoint) (changed bool, err error) {
	want := f.render(primary)
	have, err := os.ReadFile(f.Path)
	if err == nil && bytes.Equal(have, want) {
		return false, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, fmt.Errorf("databases_file: %w", err)
	}
	if err := sdk.WriteFile(f.Path, want, 0o644); err != nil {
		return false, fmt.Errorf("databases_file: %w", err)
	}
	return true, nil
}

// Names are the databases in the file, by name ascending, without "*".
func (f *File) Names() []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(f.Entries)), func(name string) bool { return name == "*" })
}

func (f *File) render(primary *pluginv1.Endpoint) []byte {
	out := new(bytes.Buffer)
	fmt.Fprintf(out, ";; Written by pgvigil, which writes it again when the primary changes.\n[databases]\n")
	for _, name := range slices.Sorted(maps.Keys(f.Entries)) {
		line := fmt.Sprintf("%s = host=%s port=%d %s", name, quote(primary.GetHost()), primary.GetPort(), f.Entries[name])
		fmt.Fprintln(out, strings.TrimRight(line, " "))
	}
	return out.Bytes()
}

// Identifier quotes a name as PgBouncer's console takes it.
func Identifier(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

func quote(value string) string { return "'" + strings.ReplaceAll(value, "'", "''") + "'" }
