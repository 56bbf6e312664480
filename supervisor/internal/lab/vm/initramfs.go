// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
)

// guestPackage is the program that is the guest's first process.
const guestPackage = "github.com/pgvigil/pgvigil/supervisor/internal/lab/vm/guest"

// makeInitramfs writes the file system that the guest starts from: its first process, the modules and its plan.
func makeInitramfs(ctx context.Context, c Config, k kernel) error {
	modules, now, err := collect(ctx, k.modules, c.drivers(), c.Later)
	if err != nil {
		return err
	}
	first, err := buildGuest(ctx, c.Dir)
	if err != nil {
		return err
	}
	plan := Plan{Name: c.Name, Address: c.Address, Share: c.Share, Private: c.Private, Warm: c.Warm, UID: c.UID, GID: c.GID}
	if c.System != "" {
		plan = Plan{Name: c.Name, Systemd: true, Share: SystemShare}
	}
	for i, m := range modules {
		at := path.Join("/modules", m.name)
		if i < now {
			plan.Modules = append(plan.Modules, at)
		} else {
			plan.Later = append(plan.Later, at)
		}
	}
	text, err := json.Marshal(plan)
	if err != nil {
		return err
	}
	return writeArchive(c.initramfs(), func(a *archive) {
		a.dir("modules")
		a.file("init", first)
		a.file(path.Base(PlanFile), text)
		for _, m := range modules {
			a.file("modules/"+m.name, m.code)
		}
	})
}

// buildGuest compiles the guest's first process. This is only called in tests, which the compiler runs too.
func buildGuest(ctx context.Context, dir string) ([]byte, error) {
	output := filepath.Join(dir, "guest")
	command := exec.CommandContext(ctx, "go", "build", "-ldflags=-s -w", "-o", output, guestPackage)
	command.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := command.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build the guest's first process: %w: %s", err, text)
	}
	return os.ReadFile(output)
}

// archive writes a cpio archive in the one format that the kernel reads ("newc").
type archive struct {
	out     *bufio.Writer
	written int
	inode   int
}

// writeArchive makes a file of what fill puts into it.
func writeArchive(name string, fill func(*archive)) error {
	file, err := os.Create(name)
	if err != nil {
		return err
	}
	defer file.Close()
	a := &archive{out: bufio.NewWriter(file)}
	fill(a)
	a.entry("TRAILER!!!", 0, nil)
	if err := a.out.Flush(); err != nil {
		return err
	}
	return file.Close()
}

func (a *archive) dir(name string)               { a.entry(name, 0o40755, nil) }
func (a *archive) file(name string, text []byte) { a.entry(name, 0o100755, text) }

// entry writes a file with a header, both padded to four bytes. The writer keeps the first error.
func (a *archive) entry(name string, mode int, text []byte) {
	a.inode++
	const links, nothing = 1, 0
	a.print(fmt.Sprintf("070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%s\x00", a.inode, mode, nothing, nothing, links,
		nothing, len(text), nothing, nothing, nothing, nothing, len(name)+1, nothing, name))
	a.pad()
	a.print(string(text))
	a.pad()
}

func (a *archive) print(text string) {
	n, _ := io.WriteString(a.out, text)
	a.written += n
}

func (a *archive) pad() {
	for a.written%4 != 0 {
		a.print("\x00")
	}
}
