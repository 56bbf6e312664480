// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	systemd "github.com/coreos/go-systemd/v22/dbus"
	"github.com/godbus/dbus/v5"
)

// ErrNoAnswer tells that systemd could not be asked, or did not reply in time.
var ErrNoAnswer = errors.New("no answer from systemd over D-Bus")

// startJob has systemd start a unit, and waits until it has. It never undoes what others have asked systemd for, such as the
// shutdown of the host.
func startJob(ctx context.Context, unit string) error {
	conn, err := systemd.NewSystemConnectionContext(ctx)
	if err != nil {
		return unanswered(unit, err)
	}
	defer conn.Close()
	result := make(chan string, 1)
	if _, err := conn.StartUnitContext(ctx, unit, "fail", result); err != nil {
		return refusal(unit, err)
	}
	select {
	case how := <-result:
		if how == "done" {
			return nil
		}
		return fmt.Errorf("%s did not start: %s", unit, reason(ctx, conn, unit, how))
	case <-ctx.Done():
		return fmt.Errorf("%w: %s is not started yet", ErrNoAnswer, unit)
	}
}

// awaitEnd waits until a unit is down whose main process has ended.
func awaitEnd(ctx context.Context, unit string) error {
	conn, err := systemd.NewSystemConnectionContext(ctx)
	if err != nil {
		return unanswered(unit, err)
	}
	defer conn.Close()
	for {
		p, err := conn.GetUnitPropertyContext(ctx, unit, "ActiveState")
		if err != nil {
			return unanswered(unit, err)
		}
		if state := p.Value.Value(); state == "inactive" || state == "failed" {
			return nil
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("%s does not end: see systemctl status", unit)
		}
	}
}

func unanswered(unit string, err error) error {
	return fmt.Errorf(`%w, which has to start %s: %v: see that dbus.service and polkit.service run, or set manage = "direct"`, ErrNoAnswer, unit, err)
}

// refusal says what is to be done about what systemd, or the bus, replied.
func refusal(unit string, err error) error {
	var said dbus.Error
	if !errors.As(err, &said) {
		return unanswered(unit, err)
	}
	const bus, manager = "org.freedesktop.DBus.Error.", "org.freedesktop.systemd1."
	switch said.Name {
	case bus + "AccessDenied", bus + "InteractiveAuthorizationRequired":
		return fmt.Errorf("systemd may not start %s for us (%s): install polkit and, in /usr/share/polkit-1/rules.d, pgvigil's rule", unit, said.Error())
	case manager + "NoSuchUnit":
		return fmt.Errorf("systemd does not know %s: install pgvigil's units, then systemctl daemon-reload", unit)
	case manager + "UnitMasked":
		return fmt.Errorf("systemd refuses to start %s: %s Use systemctl unmask", unit, said.Error())
	}
	if strings.HasPrefix(said.Name, bus) {
		return unanswered(unit, said)
	}
	return fmt.Errorf("systemd refuses to start %s: %s", unit, said.Error())
}

// reason is what the launcher told systemd last, or where to look.
func reason(ctx context.Context, conn *systemd.Conn, unit, result string) string {
	if p, err := conn.GetUnitTypePropertyContext(ctx, unit, "Service", "StatusText"); err == nil {
		if text, ok := p.Value.Value().(string); ok && text != "" {
			return text
		}
	}
	return fmt.Sprintf("%s; journalctl -u %s tells why", result, unit)
}
