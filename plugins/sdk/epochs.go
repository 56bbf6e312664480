// SPDX-License-Identifier: Apache-2.0

package sdk

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"sync"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Epochs remembers the greatest epoch a plugin has seen, on disk, so that a deposed supervisor is
// refused also after a restart of the plugin. Safe for concurrent use.
type Epochs struct {
	path string

	mu       sync.Mutex
	greatest uint64
	durable  uint64
}

// OpenEpochs reads the file at path, which need not exist; its directory must. A file that holds no
// number is an error: to go on as if nothing had been seen would let a deposed supervisor in.
func OpenEpochs(path string) (*Epochs, error) {
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return &Epochs{path: path}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("greatest epoch: %w", err)
	}
	n, err := strconv.ParseUint(strings.TrimSpace(string(raw)), 10, 64)
	if err != nil {
		return nil, fmt.Errorf("greatest epoch in %s: %w", path, err)
	}
	return &Epochs{path: path, greatest: n, durable: n}, nil
}

// Admit lets an epoch in that is not older than any seen, and remembers it before it returns nil.
// ABORTED: it is older. UNAVAILABLE: it could not be written down; it is remembered until the process
// ends, and the next call tries again.
func (e *Epochs) Admit(epoch uint64) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.check(epoch); err != nil {
		return err
	}
	e.greatest = epoch
	if e.durable == epoch {
		return nil
	}
	if err := WriteFile(e.path, []byte(strconv.FormatUint(epoch, 10)+"\n"), 0o600); err != nil {
		return status.Errorf(codes.Unavailable, "epoch %d could not be remembered: %v", epoch, err)
	}
	e.durable = epoch
	return nil
}

// Check refuses an older epoch with ABORTED like Admit, but writes nothing: for calls that must go
// through on a full disk, such as stopping PostgreSQL.
func (e *Epochs) Check(epoch uint64) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.check(epoch)
}

// Greatest epoch seen so far; 0 before any.
func (e *Epochs) Greatest() uint64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.greatest
}

func (e *Epochs) check(epoch uint64) error {
	if epoch < e.greatest {
		return status.Errorf(codes.Aborted, "epoch %d is older than %d, the greatest seen", epoch, e.greatest)
	}
	return nil
}
