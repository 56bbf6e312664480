// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"bytes"
	"context"
	"debug/elf"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// drivers are the modules that a guest needs beyond what is built into a distribution's kernel.
var drivers = []string{"virtio_pci", "virtio_net", "virtio_console", "9pnet_virtio", "9p"}

// drivers that the guest loads when it starts.
func (c Config) drivers() []string {
	if c.System != "" {
		return append(slices.Clone(drivers), "overlay")
	}
	if c.Watchdog {
		return append(slices.Clone(drivers), "softdog")
	}
	return drivers
}

// module is a kernel module, uncompressed.
type module struct {
	name string
	code []byte
}

// loading collects modules with what they depend on.
type loading struct {
	files   map[string]string // by name
	builtin []string
	// order in which the modules can be loaded.
	order []module
}

// collect returns the modules of those names, and what they need, in the order in which they can be loaded, and how many of
// them are for the names to be loaded now. Those built into the kernel are left out.
func collect(ctx context.Context, dir string, now, later []string) (modules []module, first int, err error) {
	l := loading{files: make(map[string]string)}
	if err := l.list(dir); err != nil {
		return nil, 0, err
	}
	for i, name := range slices.Concat(now, later) {
		if err := l.add(ctx, name); err != nil {
			return nil, 0, err
		}
		if i < len(now) {
			first = len(l.order)
		}
	}
	return l.order, first, nil
}

// list finds the files of all modules, and the names of those built in.
func (l *loading) list(dir string) error {
	text, err := os.ReadFile(filepath.Join(dir, "modules.builtin"))
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(text)) {
		l.builtin = append(l.builtin, moduleName(strings.TrimSpace(line)))
	}
	return filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err == nil && strings.Contains(filepath.Base(path), ".ko") {
			l.files[moduleName(path)] = path
		}
		return err
	})
}

// moduleName is how a module is named in dependencies, whose file may have dashes in its name.
func moduleName(path string) string {
	name, _, _ := strings.Cut(filepath.Base(path), ".ko")
	return strings.ReplaceAll(name, "-", "_")
}

func (l *loading) add(ctx context.Context, name string) error {
	if slices.Contains(l.builtin, name) || slices.ContainsFunc(l.order, func(m module) bool { return m.name == name }) {
		return nil
	}
	path, ok := l.files[name]
	if !ok {
		return fmt.Errorf("this kernel has no module %s", name)
	}
	code, err := uncompressed(ctx, path)
	if err != nil {
		return fmt.Errorf("module %s: %w", name, err)
	}
	needs, err := dependencies(code)
	if err != nil {
		return fmt.Errorf("module %s: %w", name, err)
	}
	for _, other := range needs {
		if err := l.add(ctx, other); err != nil {
			return fmt.Errorf("needed by %s: %w", name, err)
		}
	}
	l.order = append(l.order, module{name, code})
	return nil
}

// uncompressed reads a module, which some distributions compress.
func uncompressed(ctx context.Context, path string) ([]byte, error) {
	switch filepath.Ext(path) {
	case ".xz":
		return exec.CommandContext(ctx, "xz", "-dc", path).Output()
	case ".zst":
		return exec.CommandContext(ctx, "zstd", "-dc", path).Output()
	}
	return os.ReadFile(path)
}

// dependencies are the names of the modules that one says it needs.
func dependencies(code []byte) ([]string, error) {
	file, err := elf.NewFile(bytes.NewReader(code))
	if err != nil {
		return nil, err
	}
	section := file.Section(".modinfo")
	if section == nil {
		return nil, fmt.Errorf("no section .modinfo")
	}
	info, err := section.Data()
	if err != nil {
		return nil, err
	}
	for entry := range bytes.SplitSeq(info, []byte{0}) {
		if list, ok := bytes.CutPrefix(entry, []byte("depends=")); ok && len(list) > 0 {
			return strings.Split(string(list), ","), nil
		}
	}
	return nil, nil
}
