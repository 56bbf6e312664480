// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
)

// fault is something done to the cluster at a time. Some last; who and whom are hosts, where the kind wants them.
type fault struct {
	at   core.Span
	kind string
	who  string
	whom string
	last core.Span
}

func (f fault) String() string {
	return fmt.Sprintf("%s %s %s %s %s", seconds(f.at), f.kind, orDash(f.who), orDash(f.whom), seconds(f.last))
}

func seconds(d core.Span) string {
	return fmt.Sprintf("%d.%03d", d/core.Second, d%core.Second/core.Millisecond)
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// parseFault reads what String prints.
func parseFault(line string) (fault, error) {
	x := strings.Fields(line)
	if len(x) != 5 {
		return fault{}, fmt.Errorf("%q: want time kind who whom duration", line)
	}
	at, err1 := strconv.ParseFloat(x[0], 64)
	last, err2 := strconv.ParseFloat(x[4], 64)
	if err1 != nil || err2 != nil {
		return fault{}, fmt.Errorf("%q: a time is not a number", line)
	}
	round := func(s float64) core.Span { return core.Span(s*1000+0.5) * core.Millisecond }
	return fault{round(at), x[1], strings.Trim(x[2], "-"), strings.Trim(x[3], "-"), round(last)}, nil
}

// ttls are what operators who reload another configuration set.
var ttls = []core.Span{ttl / 2, ttl, 2 * ttl, 4 * ttl}

// inflict carries out a fault, and ends it in its time.
func (w *world) inflict(f fault) {
	if w.calm {
		return
	}
	w.say("----- %s", f)
	if moment, ok := strings.CutPrefix(f.who, "@"); ok {
		w.traps = append(w.traps, trap{moment, f})
		return
	}
	h := w.host(f.who)
	if h.paused > 0 && !outside(f.kind) {
		h.held = append(h.held, func() { w.inflict(f) })
		return
	}
	if slices.Contains(lasting, f.kind) || slices.Contains(quorumLasting, f.kind) {
		w.trouble(h, f.kind, f.last)
		return
	}
	switch f.kind {
	case "cut-peer":
		w.trouble(h, "cut-"+f.whom, f.last)
	case "mute":
		w.trouble(h, "mute-"+f.whom, f.last)
	case "pause-host":
		if h.up {
			boots := h.boots
			w.pause(h)
			w.after(f.last, func() {
				if !w.calm && h.boots == boots {
					w.unpause(h)
				}
			})
		}
	case "dcs-down":
		w.store.down++
		w.after(f.last, func() {
			if !w.calm {
				w.store.down--
			}
		})
	case "kill-pg", "orphan-pg":
		w.killPostmaster(h, f.kind == "orphan-pg")
	case "freeze":
		if h.life != nil {
			l := h.life
			h.frozen++
			w.after(f.last, func() {
				if !w.calm && h.life == l {
					w.thaw(h)
				}
			})
		}
	case "restart":
		w.end(h)
		w.on(h, f.last/4, func() { w.begin(h) })
	case "crash":
		if l := h.life; l != nil {
			n := int(f.last/core.Millisecond)%4 - 1
			l.crashAfter = &n
			w.nudge(h)
		}
	case "power":
		if h.up {
			w.powerOff(h)
			w.after(f.last+200*core.Millisecond, func() { w.boot(h) })
		}
	case "rollback":
		w.rollBack(h, f.last+200*core.Millisecond)
	case "stop":
		w.stopOrderly(h, f.last)
	case "retime":
		h.policy.TTL = ttls[int(f.last/core.Millisecond)%len(ttls)]
		w.longest = max(w.longest, h.policy.TTL)
		w.nudge(h)
	default:
		w.operate(h, f.kind)
	}
}

// outside tells whether a fault comes from outside of the host, and so meets one that stands still.
func outside(kind string) bool {
	return slices.Contains([]string{"cut", "cut-dcs", "cut-peer", "mute", "slow-net", "lossy", "pause-host", "power", "rollback", "dcs-down"}, kind)
}

func (w *world) trouble(h *host, what string, d core.Span) {
	h.trouble[what]++
	w.after(d, func() {
		if !w.calm {
			h.trouble[what]--
		}
	})
}

// stopOrderly asks a supervisor to stop PostgreSQL and end, and starts it again some time after.
func (w *world) stopOrderly(h *host, d core.Span) {
	l := h.life
	if l == nil {
		return
	}
	l.stopping = true
	w.nudge(h)
	w.on(h, d+3*core.Second, func() {
		if h.life == l {
			w.end(h)
		}
		w.begin(h)
	})
}

// heal ends every fault and brings everybody back.
func (w *world) heal() {
	w.calm = true
	w.say("----- all is well again")
	w.store.down = 0
	for _, h := range w.hosts {
		clear(h.trouble)
		h.policy.TTL = ttl
		if h.paused > 0 {
			h.paused = 1
			w.unpause(h)
		}
		if h.frozen > 0 {
			h.frozen = 1
			w.thaw(h)
		}
		if !h.up {
			w.boot(h)
		}
		if h.life != nil && (h.life.stopping || h.life.crashAfter != nil) {
			w.end(h)
		}
		w.begin(h)
		w.read(h)
	}
	if v := w.store.view; v.Config.Value.Paused {
		w.transact("operator", nil, []core.Write{{Key: core.KeyConfig, Record: core.Config{}}})
	}
}
