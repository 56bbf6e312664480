// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pgvigil/pgvigil/supervisor/internal/lab"
)

// deed is something the watcher can do to a node.
type deed struct {
	key, help string
	// do returns what was done, as a sentence in the past.
	do func(ctx context.Context, s *stage, n *lab.Node) (string, error)
}

// supervisorDelay is how long the supervisor that the watcher killed stays dead.
const supervisorDelay = time.Second

// deeds in the order in which they are shown.
func deeds() []deed {
	return []deed{
		{"p", "kill its postmaster", doKillPostmaster},
		{"s", "kill its supervisor (back after 1 s)", doRestartSupervisor},
		{"S", "kill its supervisor for good (until b)", doKillSupervisor},
		{"h", "kill the whole node (until b)", doKillHost},
		{"b", "bring it back", doStartHost},
		{"w", "switch over to it", doSwitchover},
	}
}

// find returns the deed of a key.
func find(key string) (deed, bool) {
	for _, d := range deeds() {
		if d.key == key {
			return d, true
		}
	}
	return deed{}, false
}

func doKillPostmaster(_ context.Context, s *stage, n *lab.Node) (string, error) {
	return "killed the postmaster of " + n.Name, s.alone(n.KillPostmaster)
}

func doRestartSupervisor(ctx context.Context, s *stage, n *lab.Node) (string, error) {
	if said, err := doKillSupervisor(ctx, s, n); err != nil {
		return said, err
	}
	if err := pause(ctx, supervisorDelay); err != nil {
		return "", err
	}
	return fmt.Sprintf("killed the supervisor of %s, started it again after %s", n.Name, supervisorDelay), s.alone(n.StartSupervisor)
}

func doKillSupervisor(_ context.Context, s *stage, n *lab.Node) (string, error) {
	return "killed the supervisor of " + n.Name, s.alone(func() error {
		if n.SupervisorPID() == 0 {
			return errors.New("the supervisor of " + n.Name + " does not run")
		}
		return n.KillSupervisor()
	})
}

func doKillHost(_ context.Context, s *stage, n *lab.Node) (string, error) {
	return "killed everything of " + n.Name, s.alone(func() error {
		if len(n.Processes()) == 0 {
			return errors.New(n.Name + " is down already")
		}
		return n.KillHost()
	})
}

// doStartHost brings back the node, or another one if that is not down.
func doStartHost(_ context.Context, s *stage, n *lab.Node) (said string, err error) {
	err = s.alone(func() error {
		if n = s.down(n); n == nil {
			return errors.New("no node is down")
		}
		said = "brought " + n.Name + " back"
		return n.StartHost()
	})
	return said, err
}

// down is the first node of which something does not run, the preferred one before all others; nil when all run.
func (s *stage) down(preferred *lab.Node) *lab.Node {
	for _, n := range append([]*lab.Node{preferred}, s.Nodes...) {
		if n.SupervisorPID() == 0 || n.EtcdPID() == 0 {
			return n
		}
	}
	return nil
}

func doSwitchover(ctx context.Context, s *stage, n *lab.Node) (string, error) {
	var primary *lab.Node
	err := s.alone(func() (err error) {
		ctx, cancel := context.WithTimeout(ctx, askTimeout)
		defer cancel()
		primary, err = s.Primary(ctx)
		return err
	})
	if err != nil {
		return "", err
	}
	if primary == n {
		return "", errors.New(n.Name + " leads already; choose another node")
	}
	return "asked for a switchover to " + n.Name, primary.Switchover(ctx, n)
}
