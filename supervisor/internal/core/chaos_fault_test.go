// SPDX-License-Identifier: Apache-2.0

package core

import (
	"fmt"
	"math/rand"
	"slices"
	"strconv"
	"strings"
)

// fault is something done to the cluster at a time. Some last; who and whom are hosts, where the kind wants them.
type fault struct {
	at   Span
	kind string
	who  string
	whom string
	last Span
}

func (f fault) String() string {
	return fmt.Sprintf("%s %s %s %s %s", seconds(f.at), f.kind, orDash(f.who), orDash(f.whom), seconds(f.last))
}

func seconds(d Span) string { return fmt.Sprintf("%d.%03d", d/Second, d%Second/Millisecond) }

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
	round := func(s float64) Span { return Span(s*1000+0.5) * Millisecond }
	return fault{round(at), x[1], strings.Trim(x[2], "-"), strings.Trim(x[3], "-"), round(last)}, nil
}

// lasting faults are in force for a while, on one host.
var lasting = []string{"cut", "cut-dcs", "stale", "slow", "lose", "flaky", "full", "lag", "plugin", "nosave", "slow-reports"}

// kindFaults lose nothing: whatever is done, no acknowledged write may go missing.
var kindFaults = []string{"kill-pg", "orphan-pg", "restart", "crash", "switchover", "switchover", "lag"}

var allFaults = append([]string{
	"kill-pg", "orphan-pg", "freeze", "restart", "crash", "power", "stop", "dcs-down", "cut-peer",
	"switchover", "failover", "reinit", "pause", "resume",
}, lasting...)

const (
	faultsBegin = 6 * Second // the cluster is born by then
	faultsEnd   = 32 * Second
)

// schedule draws the faults of a seed.
func schedule(seed int64) (faults []fault, strict bool) {
	r := rand.New(rand.NewSource(seed ^ 0x5eed))
	kinds := allFaults
	switch {
	case seed%4 == 0:
		kinds, strict = kindFaults, true
	case seed%4 == 1:
		return ambushes(r), false
	case seed%2 == 0: // a few kinds that meet often
		kinds = nil
		for range 3 + r.Intn(3) {
			kinds = append(kinds, allFaults[r.Intn(len(allFaults))])
		}
	}
	for range 3 + r.Intn(12) {
		f := fault{
			at: faultsBegin + Span(r.Int63n(int64(faultsEnd-faultsBegin)))/Millisecond*Millisecond, kind: kinds[r.Intn(len(kinds))],
			who: names[r.Intn(3)], last: Span(50+r.Intn(500)) * Millisecond,
		}
		if r.Intn(2) == 0 {
			f.last = Span(1+r.Intn(6000)) * Millisecond
		}
		if r.Intn(3) == 0 {
			f.who = "@" + moments[r.Intn(len(moments))]
		}
		if f.whom = names[r.Intn(3)]; f.kind != "cut-peer" {
			f.whom = ""
		}
		faults = append(faults, f)
		if r.Intn(2) == 0 && !strict { // trouble comes in company
			g := f
			g.at += Span(r.Intn(800)) * Millisecond
			g.kind = kinds[r.Intn(len(kinds))]
			if g.whom = ""; g.kind == "cut-peer" {
				g.kind = "cut"
			}
			faults = append(faults, g)
		}
	}
	slices.SortStableFunc(faults, func(a, b fault) int { return int(a.at - b.at) })
	return faults, strict
}

// ambushes are schedules in which the leadership changes all the time, and several faults at once meet whoever does
// something that matters.
func ambushes(r *rand.Rand) (faults []fault) {
	movers := []string{"kill-pg", "orphan-pg", "switchover", "power", "stop"}
	for at := faultsBegin; at < faultsEnd; at += Span(1500+r.Intn(3000)) * Millisecond {
		moment := "@" + moments[r.Intn(len(moments))]
		for range 2 + r.Intn(3) {
			f := fault{at: at + Span(r.Intn(80))*Millisecond, kind: allFaults[r.Intn(len(allFaults))], who: moment, last: Span(100+r.Intn(2500)) * Millisecond}
			if f.kind != "cut-peer" {
				faults = append(faults, f)
			}
		}
		faults = append(faults, fault{at: at + 100*Millisecond, kind: movers[r.Intn(len(movers))], who: "@renew", last: Span(100+r.Intn(2000)) * Millisecond})
	}
	return faults
}

// inflict carries out a fault, and ends it in its time.
func (w *chaos) inflict(f fault) {
	if w.calm {
		return
	}
	w.say("----- %s", f)
	if moment, ok := strings.CutPrefix(f.who, "@"); ok {
		w.traps = append(w.traps, trap{moment, f})
		return
	}
	h := w.host(f.who)
	if slices.Contains(lasting, f.kind) {
		w.trouble(h, f.kind, f.last)
		return
	}
	switch f.kind {
	case "cut-peer":
		w.trouble(h, "cut-"+f.whom, f.last)
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
		w.after(f.last/4, func() { w.begin(h) })
	case "crash":
		if l := h.life; l != nil {
			n := int(f.last/Millisecond)%4 - 1
			l.crashAfter = &n
			w.nudge(h)
		}
	case "power":
		if h.up {
			w.powerOff(h)
			w.after(f.last+200*Millisecond, func() { w.boot(h) })
		}
	case "stop":
		w.stopOrderly(h, f.last)
	default:
		w.operate(h, f.kind)
	}
}

// trap is a fault that waits for the moment at which it hurts: it hits the next host to do something.
type trap struct {
	moment string
	fault  fault
}

var moments = []string{"promote", "promote", "take", "release", "renew", "fence", "stop", "start", "clone", "arm"}

// momentOf names what a host is about to do.
func momentOf(a Action) string {
	if a.Kind != ActCommit {
		return string(a.Kind)
	}
	switch l := a.Commit.Leader(); {
	case l == nil:
		return ""
	case l.Released:
		return "release"
	case l.Renewal == 1:
		return "take"
	}
	return "renew"
}

// spring sets the traps off that wait for a moment; the time they were due at gives how much later.
func (w *chaos) spring(h *host, moment string) {
	for i := 0; i < len(w.traps); i++ {
		if w.traps[i].moment != moment {
			continue
		}
		f := w.traps[i].fault
		w.traps = slices.Delete(w.traps, i, i+1)
		i--
		f.who = h.name
		if f.whom == h.name {
			continue
		}
		w.after(f.at%(80*Millisecond), func() { w.inflict(f) })
	}
}

func (w *chaos) trouble(h *host, what string, d Span) {
	h.trouble[what]++
	w.after(d, func() {
		if !w.calm {
			h.trouble[what]--
		}
	})
}

// stopOrderly asks a supervisor to stop PostgreSQL and end, and starts it again some time after.
func (w *chaos) stopOrderly(h *host, d Span) {
	l := h.life
	if l == nil {
		return
	}
	l.stopping = true
	w.nudge(h)
	w.after(d+3*Second, func() {
		if h.life == l {
			w.end(h)
		}
		w.begin(h)
	})
}

// operate is an operator who asks a member for something.
func (w *chaos) operate(h *host, what string) {
	l := h.life
	if l == nil || h.frozen > 0 || l.o.View == nil || !w.reaches(h) {
		return
	}
	v := l.o.View
	switch what {
	case "pause", "resume":
		if v.Config.Value.Paused != (what == "pause") {
			w.transact("operator", []Compare{{KeyConfig, v.Config.Rev}}, []Write{{KeyConfig, Config{Paused: what == "pause"}}})
		}
		return
	}
	w.judge.serial++
	op := Operation{ID: strconv.Itoa(w.judge.serial), Kind: OperationKind(what), State: Pending}
	if op.To = w.hosts[w.rng.Intn(3)].name; what == "switchover" && w.chance(0.3) {
		op.To = ""
	}
	o := l.o
	o.Now = w.clock(h)
	if refusal := Admit(l.state, o, h.policy, op); refusal != nil {
		w.say("operator: %s to %s refused: %s", what, op.To, refusal.Reason)
		return
	}
	w.say("operator: %s to %s", what, op.To)
	w.transact("operator", []Compare{{KeyOperation, v.Operation.Rev}}, []Write{{KeyOperation, op}})
}

// heal ends every fault and brings everybody back.
func (w *chaos) heal() {
	w.calm = true
	w.say("----- all is well again")
	w.store.down = 0
	for _, h := range w.hosts {
		clear(h.trouble)
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
		w.transact("operator", nil, []Write{{KeyConfig, Config{}}})
	}
}
