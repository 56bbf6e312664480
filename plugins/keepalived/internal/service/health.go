// SPDX-License-Identifier: Apache-2.0

package service

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/pgvigil/pgvigil/plugins/keepalived/internal/conf"
	"github.com/pgvigil/pgvigil/plugins/keepalived/internal/vip"
	"golang.org/x/sys/unix"
)

const (
	// settling is how long Keepalived has to follow the file.
	settling = 3 * time.Second
	// probing is the time between two searches for a rival while none is known.
	probing = time.Minute
)

// rival is what the last search for another host with the address found; its zero value is that none was made since
// this host took it.
type rival struct {
	at   time.Time
	addr net.HardwareAddr
	err  error
}

// Health looks whether the file can work, and whether what it says is the case.
func (s *Service) Health(context.Context) (bool, string) {
	on, err := vip.Interface(s.vip())
	if err != nil {
		return false, fmt.Sprintf("the addresses of this host cannot be listed: %v", err)
	}
	found := s.search(on)
	s.mu.Lock()
	defer s.mu.Unlock()
	checks := []func(*net.Interface) string{s.fileProblem, s.speakerProblem, s.obedienceProblem, s.haproxyProblem}
	if s.examines {
		checks = []func(*net.Interface) string{s.directoryProblem, s.speakerProblem, s.configurationProblem, s.leftProblem, s.answerProblem}
	}
	for _, check := range checks {
		if problem := check(on); problem != "" {
			return false, problem
		}
	}
	if found.addr != nil {
		return false, fmt.Sprintf("%s is on %s here and also on a host with the hardware address %s: see why Keepalived there does "+
			"not give it up, and whether VRRP (IP protocol 112) passes between the hosts", s.body.VIP, on.Name, found.addr)
	}
	return true, s.state(on, found)
}

func (s *Service) vip() netip.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.body.VIP
}

func (s *Service) fileProblem(*net.Interface) string {
	if s.fault == nil {
		return ""
	}
	return unwritable(s.fault)
}

func unwritable(err error) string {
	return fmt.Sprintf("the track file cannot be written: %v: make its directory, owned by the user of pgvigil, before Keepalived "+
		"starts", err)
}

func (s *Service) speakerProblem(on *net.Interface) string {
	spoken, err := vip.Spoken(s.body.VIP)
	switch {
	case err != nil:
		return fmt.Sprintf("whether Keepalived runs cannot be told: %v", err)
	case spoken:
		return ""
	case on != nil:
		return fmt.Sprintf("Keepalived does not run, or without a vrrp_instance, and left %s on %s: start it, or remove the address",
			s.body.VIP, on.Name)
	}
	return "Keepalived does not run, or without a vrrp_instance: start it"
}

const remedy = "the vrrp_instance needs a track_file with this path, \"weight 0 reverse\", as the README of the plugin shows; " +
	"if it has one, the directory was missing when Keepalived started: reload Keepalived"

// disobeyed says that Keepalived has the address against the file.
func (s *Service) disobeyed(on *net.Interface) string {
	return fmt.Sprintf("%s is on %s although %s forbids it: %s", s.body.VIP, on.Name, s.body.TrackFile, remedy)
}

// obedienceProblem is that Keepalived does not do what the file says.
func (s *Service) obedienceProblem(on *net.Interface) string {
	switch {
	case time.Since(s.file.Since()) < settling:
		return ""
	case on != nil && s.file.Value() == none:
		return s.disobeyed(on)
	case s.file.Ignored():
		return fmt.Sprintf("Keepalived has not read %s: %s", s.file.Path(), remedy)
	case on == nil && s.file.Value() == best(s.body.Follow):
		return fmt.Sprintf("%s belongs here and is on no interface: the vrrp_instance needs it under virtual_ipaddress, an interface "+
			"that is there and up, and no other track that fails; Keepalived's log tells", s.body.VIP)
	}
	return ""
}

func (s *Service) haproxyProblem(*net.Interface) string {
	if s.body.Follow != conf.FollowHAProxy {
		return ""
	}
	if s.proxy.err != nil {
		return s.proxy.err.Error()
	}
	if err := s.noRoute(); err != nil {
		return fmt.Sprintf("HAProxy here has no route to the primary: %v", err)
	}
	return ""
}

// state is what a healthy plugin says.
func (s *Service) state(on *net.Interface, found rival) string {
	switch {
	case s.examines && on == nil:
		return fmt.Sprintf("Keepalived runs; %s is not here", s.body.VIP)
	case on == nil:
		return fmt.Sprintf("%s is not here; %s says %d", s.body.VIP, s.file.Path(), s.file.Value())
	case errors.Is(found.err, unix.EPERM):
		return fmt.Sprintf("%s is on %s; whether it is on another host too is not known without CAP_NET_RAW", s.body.VIP, on.Name)
	case found.err != nil:
		return fmt.Sprintf("%s is on %s; whether it is on another host too is not known: %v", s.body.VIP, on.Name, found.err)
	}
	return fmt.Sprintf("%s is on %s", s.body.VIP, on.Name)
}

// search looks for another host with the address when that is due: soon after this host took it, then every minute,
// and each time while there is one.
func (s *Service) search(on *net.Interface) rival {
	s.mu.Lock()
	last, addr := s.rival, s.body.VIP
	s.mu.Unlock()
	switch {
	case on == nil:
		last = rival{}
	case !addr.Is4():
		return rival{err: errors.New("it is looked for with IPv4 only")}
	case last.addr == nil && time.Since(last.at) < probing:
		return last
	default:
		last = rival{at: time.Now()}
		last.addr, last.err = vip.Rival(on, addr)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rival = last
	return last
}
