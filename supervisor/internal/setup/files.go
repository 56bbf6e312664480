// SPDX-License-Identifier: Apache-2.0

package setup

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Owner is the user of the operating system that supervisor and PostgreSQL run as.
type Owner struct {
	Name     string
	UID, GID int
}

// File is a file that was put in place, or found there.
type File struct {
	Path  string `json:"path"`
	Mode  string `json:"mode"`
	Owner string `json:"owner"`
	// Kept tells that it was there and is as it was.
	Kept bool `json:"kept"`
	// Backup is where the one is that it replaced.
	Backup string `json:"backup,omitempty"`
}

// Stage holds the files of a plan until they are put in place.
type Stage struct {
	plan     *Plan
	owner    Owner
	anywhere bool
	dir      string
	made     []string // directories made above it, the outermost first
	keep     map[string]bool
}

const (
	configMode = 0o640
	secretMode = 0o600
)

// NewStage writes the files into a hidden directory beside where they will be; with anywhere, into one for temporary files.
// Secrets that are in place are kept; the others are made, or taken from a directory. Close removes it.
func NewStage(plan *Plan, owner Owner, secrets string, anywhere bool) (*Stage, error) {
	s := &Stage{plan: plan, owner: owner, anywhere: anywhere, keep: map[string]bool{}}
	if err := s.open(secrets); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Stage) open(secrets string) (err error) {
	parent := ""
	if !s.anywhere {
		parent = s.plan.Dir
		if err := s.makeDir(parent); err != nil {
			return err
		}
	}
	if s.dir, err = os.MkdirTemp(parent, ".setup-*"); err != nil {
		return err
	}
	for _, name := range s.plan.Secrets() {
		if err := s.secret(name, secrets); err != nil {
			return err
		}
	}
	here := *s.plan
	here.Dir = s.dir
	return s.write(Configuration, here.HCL(), configMode, os.Geteuid())
}

// makeDir makes the directory and those above it, and remembers which.
func (s *Stage) makeDir(dir string) error {
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := s.makeDir(filepath.Dir(dir)); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	s.made = append(s.made, dir)
	return os.Chmod(dir, 0o755) // whatever the umask: the owner of the secrets is another
}

// secret stages one file with a secret.
func (s *Stage) secret(name, from string) error {
	text, err := s.present(name)
	if err != nil {
		return err
	}
	s.keep[name] = text != nil
	switch {
	case from != New && from != "":
		given, err := os.ReadFile(filepath.Join(from, name))
		if err != nil {
			return fmt.Errorf("secret of the first host: %w", err)
		}
		if s.keep[name] && !bytes.Equal(text, given) {
			return fmt.Errorf("%s is there, and differs from %s: remove the wrong one", s.plan.File(name), filepath.Join(from, name))
		}
		text = given
	case text == nil:
		text = generate()
	}
	return s.write(name, text, secretMode, s.owner.UID)
}

// present is a secret that is in place; nil if there is none.
func (s *Stage) present(name string) ([]byte, error) {
	if s.anywhere {
		return nil, nil
	}
	path := s.plan.File(name)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return text, s.private(path)
}

// private tells, by an error, why a file is no place for a secret.
func (s *Stage) private(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if uid := ownerOf(info); uid != s.owner.UID || info.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("%s must belong to %[2]s and be closed to others: chown %[2]s %[1]s && chmod 0600 %[1]s", path, s.owner.Name)
	}
	return nil
}

// generate makes a secret of 256 bits.
func generate() []byte {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails
	return append([]byte(base64.RawURLEncoding.EncodeToString(b[:])), '\n')
}

// write writes a file of the stage, durably.
func (s *Stage) write(name string, text []byte, mode fs.FileMode, uid int) error {
	f, err := os.OpenFile(s.path(name), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Chmod(mode), f.Chown(uid, s.owner.GID), f.Sync(), f.Close())
}

func (s *Stage) path(name string) string { return filepath.Join(s.dir, name) }

// Configuration is the path of the staged configuration, which names the staged secrets.
func (s *Stage) Configuration() string { return s.path(Configuration) }

// Final is a text about staged files, about them in place.
func (s *Stage) Final(text string) string { return strings.ReplaceAll(text, s.dir, s.plan.Dir) }

// Place puts all files in place, the configuration last; when one cannot be, none is. A configuration that is there is replaced
// with force only, and kept beside the new.
func (s *Stage) Place(force bool) (files []File, err error) {
	if err := s.write(Configuration, s.plan.HCL(), configMode, os.Geteuid()); err != nil {
		return nil, err
	}
	var placed []string
	defer func() {
		if err != nil {
			for _, path := range placed {
				err = errors.Join(err, os.Remove(path))
			}
		}
	}()
	for _, name := range s.plan.Secrets() {
		path := s.plan.File(name)
		files = append(files, File{Path: path, Mode: "0600", Owner: s.owner.Name, Kept: s.keep[name]})
		if s.keep[name] {
			continue
		}
		if err := os.Link(s.path(name), path); err != nil {
			return nil, err
		}
		placed = append(placed, path)
	}
	last := File{Path: s.plan.File(Configuration), Mode: "0640", Owner: ownName(s.owner)}
	if force {
		if last.Backup, err = backup(last.Path); err != nil {
			return nil, err
		}
	}
	if last.Backup != "" {
		placed = append(placed, last.Backup)
		err = os.Rename(s.Configuration(), last.Path)
	} else {
		err = os.Link(s.Configuration(), last.Path)
	}
	if err != nil {
		return nil, err
	}
	s.made, placed = nil, nil
	return append(files, last), syncDir(s.plan.Dir)
}

// ownName is the owner of the configuration: root, or whoever is not root.
func ownName(owner Owner) string {
	if os.Geteuid() == 0 {
		return "root"
	}
	return owner.Name
}

// backup gives a file a second name, such as cp --backup=numbered would; empty when there is no file.
func backup(path string) (string, error) {
	for n := 1; ; n++ {
		name := fmt.Sprintf("%s.~%d~", path, n)
		switch err := os.Link(path, name); {
		case errors.Is(err, fs.ErrExist):
		case errors.Is(err, fs.ErrNotExist):
			return "", nil
		default:
			return name, err
		}
	}
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// Close removes the stage, and directories that were made for files which are not there.
func (s *Stage) Close() error {
	var errs []error
	if s.dir != "" {
		errs = append(errs, os.RemoveAll(s.dir))
	}
	for n := len(s.made) - 1; n >= 0; n-- {
		errs = append(errs, os.Remove(s.made[n]))
	}
	return errors.Join(errs...)
}
