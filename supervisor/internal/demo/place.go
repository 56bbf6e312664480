// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/pgvigil/pgvigil/supervisor/internal/lab"
	"github.com/pgvigil/pgvigil/supervisor/internal/lab/account"
)

// longestDir leaves room for the names of Unix sockets, whose paths end at 107 bytes.
const longestDir = 60

// place is the directory of the demo, and where the programs are.
type place struct {
	wanted string
	keep   bool

	dir, bin string
	existed  bool
}

// open makes the directory and finds pgvigil's programs, by default beside the one that runs. What the user of the
// nodes may not reach is copied into the directory. Close undoes it, also after an error.
func (p *place) open(bin string) (err error) {
	who, err := account.Find()
	if err != nil {
		return fmt.Errorf("%w; make one (useradd --system postgres), or run the demo as an ordinary user", err)
	}
	if bin, err = findBinaries(bin); err != nil {
		return err
	}
	if err := p.make(); err != nil {
		return err
	}
	if blocked := unreachable(p.dir, who); blocked != "" {
		return fmt.Errorf("--dir %s %w: user %s may not pass %s; choose another, or leave it to the demo", p.dir, ErrUsage,
			who.Name, blocked)
	}
	p.bin = bin
	if unreachable(bin, who) == "" {
		return nil
	}
	p.bin = filepath.Join(p.dir, "bin")
	return copyBinaries(bin, p.bin)
}

func (p *place) make() (err error) {
	if p.wanted == "" {
		if p.dir, err = lab.NewDir(); err != nil {
			return err
		}
		return os.Chmod(p.dir, 0o755)
	}
	dir, err := filepath.Abs(p.wanted)
	if err != nil {
		return err
	}
	if len(dir) > longestDir {
		return fmt.Errorf("--dir %s %w: paths of sockets in it would be too long; at most %d characters", dir, ErrUsage, longestDir)
	}
	if err := lab.Reclaim(dir); err != nil {
		return fmt.Errorf("leftovers of an earlier demo: %w", err)
	}
	if p.existed, err = vacant(dir); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	p.dir = dir
	return lab.Claim(dir)
}

// vacant tells whether an empty directory exists; one that is not empty is an error.
func vacant(dir string) (exists bool, err error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if len(entries) > 0 {
		return true, fmt.Errorf("--dir %s %w: it is not empty (an earlier demo that was kept?); remove it or choose another", dir, ErrUsage)
	}
	return true, nil
}

// close removes what open made, or tells what is kept.
func (p *place) close(t *teller) error {
	if p.dir == "" {
		return nil
	}
	if p.keep {
		t.say("kept: %s", p.dir)
		return os.Remove(filepath.Join(p.dir, "owner"))
	}
	if !p.existed {
		return os.RemoveAll(p.dir)
	}
	entries, err := os.ReadDir(p.dir)
	for _, entry := range entries {
		err = errors.Join(err, os.RemoveAll(filepath.Join(p.dir, entry.Name())))
	}
	return err
}
