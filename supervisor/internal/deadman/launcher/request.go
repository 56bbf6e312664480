// SPDX-License-Identifier: Apache-2.0

package launcher

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"github.com/pgvigil/pgvigil/supervisor/internal/deadman"
)

// Request says what to start; nothing, if it is only to be seen whether the service manager starts the launcher. Whoever has
// it do so leaves the request in a file before.
type Request struct {
	Args    []string `json:"args"`     // the command line, without the program; none to start nothing
	Env     []string `json:"env"`      // NAME=value, over what the service manager has set
	UntilNs int64    `json:"until_ns"` // CLOCK_BOOTTIME instant after which nobody waits for it any more
}

// TakeRequest takes the request out of its file, which only its owner, the user of this process, may be able to write. It
// can be taken once: whoever has removed the file knows that nobody else will act on it.
func TakeRequest(path string) (Request, error) {
	taken := path + ".taken"
	if err := os.Rename(path, taken); errors.Is(err, fs.ErrNotExist) {
		return Request{}, fmt.Errorf("nothing to start: there is no %s, which pgvigil writes when it starts PostgreSQL", path)
	} else if err != nil {
		return Request{}, fmt.Errorf("request: %w", err)
	}
	defer os.Remove(taken)
	r, err := readRequest(taken)
	if err != nil {
		return Request{}, fmt.Errorf("request %s: %w", path, err)
	}
	if deadman.BootNow() > r.UntilNs {
		return Request{}, fmt.Errorf("request %s: it is too old, nobody waits for it any more", path)
	}
	return r, nil
}

func readRequest(path string) (Request, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return Request{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return Request{}, err
	}
	if !info.Mode().IsRegular() || info.Mode().Perm()&0o022 != 0 || info.Sys().(*syscall.Stat_t).Uid != uint32(os.Geteuid()) {
		return Request{}, fmt.Errorf("it must be a file of user %d that nobody else may write", os.Geteuid())
	}
	var r Request
	err = json.NewDecoder(f).Decode(&r)
	return r, err
}
