// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"path/filepath"
)

// Revive has the machine boot again after the next reset, instead of being switched off. The channel is sent to when its
// watchdog resets it. It is called once.
func (m *Machine) Revive(ctx context.Context) (reset <-chan struct{}, err error) {
	conn, err := m.connect(ctx, m.config.monitor())
	if err != nil {
		return nil, err
	}
	q := qmp{conn, json.NewDecoder(conn)}
	if err := errors.Join(q.greeted(), q.order("qmp_capabilities", struct{}{}), q.order("set-action", map[string]string{"reboot": "reset"})); err != nil {
		return nil, errors.Join(fmt.Errorf("monitor of virtual machine %s: %w", m.config.Name, err), conn.Close())
	}
	bitten := make(chan struct{}, 1)
	go func() {
		defer conn.Close()
		for {
			said, err := q.next()
			if err != nil {
				return
			}
			if said.Event == "WATCHDOG" {
				bitten <- struct{}{}
			}
		}
	}()
	return bitten, nil
}

// Booted waits until the guest takes orders after a reset.
func (m *Machine) Booted(ctx context.Context) error {
	return errors.Join(m.rpc.Close(), m.greet(ctx))
}

func (c Config) monitor() string { return filepath.Join(c.Dir, "monitor") }

// qmp is a connection to QEMU's monitor, which speaks JSON.
type qmp struct {
	net.Conn
	*json.Decoder
}

// said is what the monitor says: a greeting, an answer, or an event.
type said struct {
	QMP    *struct{}
	Event  string
	Return *struct{}
	Error  *struct{ Desc string }
}

func (q qmp) next() (s said, err error) {
	err = q.Decode(&s)
	return s, err
}

func (q qmp) greeted() error {
	if s, err := q.next(); err != nil || s.QMP == nil {
		return fmt.Errorf("no greeting: %w", err)
	}
	return nil
}

// order has the monitor do something, and waits for its answer.
func (q qmp) order(what string, arguments any) error {
	if err := json.NewEncoder(q.Conn).Encode(map[string]any{"execute": what, "arguments": arguments}); err != nil {
		return err
	}
	for {
		s, err := q.next()
		switch {
		case err != nil:
			return err
		case s.Error != nil:
			return fmt.Errorf("%s: %s", what, s.Error.Desc)
		case s.Return != nil:
			return nil
		}
	}
}
