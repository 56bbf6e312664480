// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// kernel is a Linux image and the directory of its modules.
type kernel struct{ image, modules string }

// findKernel takes the kernel in the directory that PGVIGIL_TEST_KERNEL names, or else the one that contrib/lab/kernel.sh
// keeps for root.
func findKernel() (kernel, error) {
	dir := os.Getenv("PGVIGIL_TEST_KERNEL")
	if dir == "" {
		dir = "/var/cache/pgvigil/kernel"
	}
	k, err := kernelIn(dir)
	if err != nil {
		return kernel{}, fmt.Errorf("no kernel for virtual machines (PGVIGIL_TEST_KERNEL=$(contrib/lab/kernel.sh) gets one): %w", err)
	}
	return k, nil
}

var errKernel = errors.New("not exactly one of boot/vmlinuz-* and lib/modules/*")

func kernelIn(dir string) (kernel, error) {
	images, err := filepath.Glob(filepath.Join(dir, "boot", "vmlinuz-*"))
	if err != nil {
		return kernel{}, err
	}
	modules, err := filepath.Glob(filepath.Join(dir, "lib", "modules", "*"))
	if err != nil {
		return kernel{}, err
	}
	if len(images) != 1 || len(modules) != 1 {
		return kernel{}, fmt.Errorf("%s: %w", dir, errKernel)
	}
	return kernel{image: images[0], modules: modules[0]}, nil
}
