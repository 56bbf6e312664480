// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"strings"
	"time"
)

// pulse is how many writes per second were acknowledged of late.
type pulse struct {
	at    time.Time
	count int
	rates []float64
}

// pulseKept is how many rates are remembered, more than a line is wide.
const pulseKept = 240

// smooth is over how many snapshots the rate is averaged.
const smooth = 4

// add enters the number of all writes acknowledged until then.
func (p *pulse) add(at time.Time, count int) {
	if passed := at.Sub(p.at); !p.at.IsZero() && passed > 0 {
		p.rates = append(p.rates, float64(count-p.count)/passed.Seconds())
		p.rates = p.rates[max(0, len(p.rates)-pulseKept):]
	}
	p.at, p.count = at, count
}

// rate is the average of the last second, roughly.
func (p *pulse) rate() float64 {
	last := p.rates[max(0, len(p.rates)-smooth):]
	if len(last) == 0 {
		return 0
	}
	sum := 0.0
	for _, r := range last {
		sum += r
	}
	return sum / float64(len(last))
}

var bars = []rune(" ▁▂▃▄▅▆▇█")

// line draws the last rates, as many as fit, the newest at the right; a blank is no write at all.
func (p *pulse) line(width int) string {
	last := p.rates[max(0, len(p.rates)-width):]
	top := 1.0
	for _, r := range last {
		top = max(top, r)
	}
	var text strings.Builder
	text.WriteString(strings.Repeat(" ", width-len(last)))
	for _, r := range last {
		text.WriteRune(bars[level(r, top)])
	}
	return text.String()
}

// level is the height of a bar: 0 only for nothing, 8 at the top.
func level(rate, top float64) int {
	if rate <= 0 {
		return 0
	}
	return min(8, 1+int(rate/top*7.5))
}
