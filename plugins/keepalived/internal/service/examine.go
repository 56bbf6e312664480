// SPDX-License-Identifier: Apache-2.0

package service

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"

	"github.com/pgvigil/pgvigil/plugins/keepalived/internal/conf"
	"github.com/pgvigil/pgvigil/plugins/keepalived/internal/keepalived"
	"github.com/pgvigil/pgvigil/plugins/keepalived/internal/trackfile"
	"golang.org/x/sys/unix"
)

// onlyLook makes a body current for Health alone: another process may be the one that writes the file.
func (s *Service) onlyLook(ctx context.Context, body conf.Body) {
	var said proxy
	if body.Follow == conf.FollowHAProxy {
		said = askProxy(ctx, body)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.body, s.proxy, s.examines = body, said, true
}

// directoryProblem is that the file could not be written.
func (s *Service) directoryProblem(*net.Interface) string {
	dir := filepath.Dir(s.body.TrackFile)
	if err := unix.Access(dir, unix.W_OK|unix.X_OK); err != nil {
		return unwritable(&os.PathError{Op: "write into", Path: dir, Err: err})
	}
	return ""
}

// configurationProblem is that Keepalived's configuration has nothing to do with ours. One that cannot be read passes.
func (s *Service) configurationProblem(*net.Interface) string {
	path := keepalived.ConfigPath()
	words, err := keepalived.Words(path)
	switch {
	case err != nil:
		return ""
	case !words[s.body.TrackFile]:
		return fmt.Sprintf("%s does not name %s: it needs a track_file block with this path, and the vrrp_instance a track_file with it, "+
			"\"weight 0 reverse\", as pgvigil render keepalived shows; then reload Keepalived", path, s.body.TrackFile)
	case !words[s.body.VIP.String()]:
		return fmt.Sprintf("%s does not have the address %s: write it under virtual_ipaddress of the vrrp_instance, and reload Keepalived",
			path, s.body.VIP)
	}
	return ""
}

// leftProblem is that the address is here although the file, as it was left, forbids it.
func (s *Service) leftProblem(on *net.Interface) string {
	if on != nil && trackfile.Open(s.body.TrackFile).Value() == none {
		return s.disobeyed(on)
	}
	return ""
}

// answerProblem is that HAProxy cannot be asked. That it has no route means nothing while no supervisor is there.
func (s *Service) answerProblem(*net.Interface) string {
	if s.proxy.err != nil {
		return s.proxy.err.Error()
	}
	return ""
}
