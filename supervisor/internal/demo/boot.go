// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/pgvigil/pgvigil/supervisor/internal/lab"
)

// bootPatience is how long a cluster may take from nothing to healthy.
const bootPatience = 75 * time.Second

// boot starts the nodes, tells what they are at until they make a cluster, and starts writer and watch.
func (s *stage) boot(ctx context.Context, t *teller) error {
	ctx, cancel := context.WithTimeoutCause(ctx, bootPatience, fmt.Errorf("not within %s", bootPatience))
	defer cancel()
	t.say("starting etcd on %s", addresses(s.Nodes))
	if err := s.each((*lab.Node).StartEtcd); err != nil {
		return err
	}
	t.say("starting the supervisors: the first makes the database, others copy it")
	if err := s.each((*lab.Node).StartSupervisor); err != nil {
		return err
	}
	if err := s.narrate(ctx, t, func(ctx context.Context) error { return s.WaitHealthy(ctx) }); err != nil {
		return err
	}
	if err := s.Prepare(ctx); err != nil {
		return err
	}
	if err := s.write(ctx); err != nil {
		return err
	}
	s.check()
	s.setMark()
	t.say("the cluster is healthy, and %d clients write to it", clients)
	return nil
}

func addresses(nodes []*lab.Node) string {
	if len(nodes) == 0 {
		return "no node"
	}
	return nodes[0].Address + " to " + nodes[len(nodes)-1].Address
}

func (s *stage) each(do func(*lab.Node) error) error {
	return s.alone(func() error {
		for _, n := range s.Nodes {
			if err := do(n); err != nil {
				return err
			}
		}
		return nil
	})
}

// narrate tells of every node's doings what is new, until wait returns or one of the processes has ended.
func (s *stage) narrate(ctx context.Context, t *teller, wait func(context.Context) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	done := make(chan error, 1)
	go func() { done <- wait(ctx) }()
	ticker := time.NewTicker(150 * time.Millisecond)
	defer ticker.Stop()
	said := make(map[string]string)
	for {
		select {
		case err := <-done:
			return err
		case <-ticker.C:
			snap := s.look(ctx)
			tellNews(t, said, snap)
			cancelIfEnded(cancel, snap)
		}
	}
}

func tellNews(t *teller, said map[string]string, snap snapshot) {
	for _, n := range snap.nodes {
		if text := doing(n); text != "" && text != said[n.name] {
			said[n.name] = text
			t.say("%s: %s", n.name, text)
		}
	}
}

// doing is what a node is at, in words; percentages are left out, lest every one of them be told.
func doing(n nodeView) string {
	job, _, _ := strings.Cut(n.job, " ")
	switch {
	case job == "bootstrap":
		return "initdb…"
	case job == "clone":
		return "pg_basebackup…"
	case job != "":
		return job + "…"
	case n.role == "":
		return ""
	}
	return n.role + ", " + n.state
}

// cancelIfEnded gives up waiting when a process of the cluster has ended by itself.
func cancelIfEnded(cancel context.CancelCauseFunc, snap snapshot) {
	for _, n := range snap.nodes {
		switch {
		case !n.etcd:
			cancel(errors.New("etcd of " + n.name + " has ended"))
		case !n.supervisor:
			cancel(errors.New("the supervisor of " + n.name + " has ended"))
		}
	}
}
