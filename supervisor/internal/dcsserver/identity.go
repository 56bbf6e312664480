// SPDX-License-Identifier: Apache-2.0

package dcsserver

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// ErrForeignData says that a data directory belongs to another member, to another cluster, or to an etcd that
// is not run by pgvigil.
var ErrForeignData = errors.New("data directory of another member")

// identity is written into a data directory before etcd is: etcd itself believes whatever it finds there.
type identity struct {
	Token  string `json:"token"`
	Member string `json:"member"`
}

const identityFile = "pgvigil-member.json"

// claim makes the data directory and makes sure that it is this member's. hasData tells whether the member
// has run before.
func claim(c Config) (hasData bool, err error) {
	if err := os.MkdirAll(c.DataDir, 0o700); err != nil {
		return false, fmt.Errorf("data directory: %w", err)
	}
	if err := os.Chmod(c.DataDir, 0o700); err != nil {
		return false, fmt.Errorf("data directory: %w", err)
	}
	hasData, err = exists(filepath.Join(c.DataDir, "member", "wal"))
	if err != nil {
		return false, fmt.Errorf("data directory: %w", err)
	}
	want := identity{Token: c.token(), Member: c.Name}
	found, err := readIdentity(c.DataDir)
	switch {
	case errors.Is(err, fs.ErrNotExist) && hasData:
		return true, fmt.Errorf("%w: %s holds etcd data but no %s; it was not made by pgvigil", ErrForeignData, c.DataDir, identityFile)
	case errors.Is(err, fs.ErrNotExist):
		return false, writeIdentity(c.DataDir, want)
	case err != nil:
		return hasData, err
	case found != want:
		return hasData, fmt.Errorf("%w: %s is that of member %q of %q, this is member %q of %q",
			ErrForeignData, c.DataDir, found.Member, found.Token, want.Member, want.Token)
	}
	return hasData, nil
}

func exists(path string) (bool, error) {
	_, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

func readIdentity(dir string) (identity, error) {
	raw, err := os.ReadFile(filepath.Join(dir, identityFile))
	if err != nil {
		return identity{}, fmt.Errorf("identity of the data directory: %w", err)
	}
	var id identity
	if err := json.Unmarshal(raw, &id); err != nil {
		return identity{}, fmt.Errorf("identity of the data directory: %s: %w", identityFile, err)
	}
	return id, nil
}

// writeIdentity leaves the whole file or none.
func writeIdentity(dir string, id identity) error {
	raw, err := json.Marshal(id)
	if err != nil {
		return fmt.Errorf("identity of the data directory: %w", err)
	}
	path := filepath.Join(dir, identityFile)
	if err := writeSynced(path+".new", append(raw, '\n')); err != nil {
		return fmt.Errorf("identity of the data directory: %w", err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return fmt.Errorf("identity of the data directory: %w", err)
	}
	return nil
}

func writeSynced(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}
