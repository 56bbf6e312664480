// SPDX-License-Identifier: Apache-2.0

package pluginhost

import (
	"bytes"
	"fmt"
	"io"
	"path/filepath"
)

// maxHandshake bounds the first line of stdout; with a certificate it has about 1 KiB.
const maxHandshake = 16 << 10

type emptyReader struct{}

func (emptyReader) Read([]byte) (int, error) { return 0, io.EOF }

// firstLine passes on the first line written to it, whole, and swallows the rest.
type firstLine struct {
	to   io.Writer
	line []byte
	done bool
	// used is how much of the last write belonged to the first line.
	used int
}

// Write never fails: a reader that has gone is go-plugin's way to say it has heard enough.
func (f *firstLine) Write(p []byte) (int, error) {
	f.used = 0
	if f.done {
		return len(p), nil
	}
	head, _, found := bytes.Cut(p, []byte{'\n'})
	f.used = len(head)
	if found {
		f.used++
	}
	f.line = append(f.line, head[:min(len(head), maxHandshake-len(f.line))]...)
	if found || len(f.line) == maxHandshake {
		f.end()
	}
	return len(p), nil
}

// end passes on what there is of the line, if that has not happened.
func (f *firstLine) end() {
	if f.done {
		return
	}
	f.done = true
	if len(f.line) > 0 {
		_, _ = f.to.Write(append(f.line, '\n'))
	}
	f.line = nil
}

// skipLine writes what a firstLine, written before it, did not use.
type skipLine struct {
	first *firstLine
	to    io.Writer
}

func (s skipLine) Write(p []byte) (int, error) {
	if _, err := s.to.Write(p[s.first.used:]); err != nil {
		return 0, err
	}
	return len(p), nil
}

// checkAddress refuses what a plugin must not make the host connect to.
func checkAddress(dir, network, address string) (string, string, error) {
	if network != "unix" || filepath.Dir(filepath.Clean(address)) != filepath.Clean(dir) {
		return "", "", fmt.Errorf("plugin listens on %s %q, must be a unix socket in %s", network, address, dir)
	}
	return network, address, nil
}
