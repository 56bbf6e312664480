// SPDX-License-Identifier: Apache-2.0

package launcher

import (
	"errors"
	"fmt"
	"os"

	"github.com/pgvigil/pgvigil/supervisor/internal/deadman"
)

// obey carries out one command. kill and wait are answered at the end, the others at once.
func (l *Launcher) obey(c command) {
	switch c.verb {
	case "arm":
		c.reply <- replyOf(l.arm(c))
	case "disarm":
		c.reply <- replyOf(l.disarm(c))
	case "status":
		c.reply <- deadman.Reply{OK: true, Status: l.status()}
	case "kill":
		l.end.waiters = append(l.end.waiters, c.reply)
		l.begin(deadman.CauseKill, c.grace)
	case "wait":
		l.end.waiters = append(l.end.waiters, c.reply)
	}
}

func (l *Launcher) arm(c command) error {
	if l.end.begun {
		return errors.New("postgres is being ended")
	}
	if err := l.inOrder(c); err != nil {
		return err
	}
	return l.setTimers(c.at)
}

// disarm after the end has begun is refused as well: the kill timer is what remains should we get stuck.
func (l *Launcher) disarm(c command) error {
	if l.end.begun {
		return errors.New("postgres is being ended")
	}
	if err := l.inOrder(c); err != nil {
		return err
	}
	return l.setTimers(0)
}

// inOrder refuses a command older than the last one applied; it lay in the socket while we were stopped.
func (l *Launcher) inOrder(c command) error {
	if c.issued < l.issued {
		return fmt.Errorf("issued at %d, before the last command applied (%d)", c.issued, l.issued)
	}
	l.issued = c.issued
	return nil
}

// setTimers sets both timers, the one that needs no help of ours first.
func (l *Launcher) setTimers(at int64) error {
	if err := errors.Join(l.kill.set(at), l.soft.set(at)); err != nil {
		return err
	}
	l.armed = at
	return nil
}

func (l *Launcher) status() *deadman.Status {
	list, err := deadman.Descendants(os.Getpid())
	if err != nil {
		l.cfg.Log.Error("descendants not listed", "error", err)
	}
	return &deadman.Status{
		Record:       l.record,
		ArmedUntilNs: l.armed,
		Running:      !l.end.over,
		Stopping:     l.end.begun,
		Children:     len(list),
		UptimeNs:     deadman.BootNow() - l.since,
	}
}

func replyOf(err error) deadman.Reply {
	if err != nil {
		return deadman.Reply{Error: err.Error()}
	}
	return deadman.Reply{OK: true}
}
