// SPDX-License-Identifier: Apache-2.0

package api

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
)

// metrics serves Prometheus text, from a registry of this server's own.
func (s *Server) metrics() http.HandlerFunc {
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		newCollector(s),
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{}).ServeHTTP
}

// gauge is one metric: its value at an instant, and whether there is one.
type gauge struct {
	name, help string
	counter    bool
	value      func(*view, core.Instant) (float64, bool)
}

// collector reads the snapshot when Prometheus asks.
type collector struct {
	server *Server
	gauges []gauge
	descs  []*prometheus.Desc
	labels labelled
}

func newCollector(s *Server) *collector {
	c := &collector{server: s, gauges: append(patroniGauges(), ownGauges()...), labels: newLabelled()}
	for _, g := range c.gauges {
		c.descs = append(c.descs, prometheus.NewDesc(g.name, g.help, []string{"scope", "name"}, nil))
	}
	return c
}

// Describe sends the names of all metrics.
func (c *collector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range c.descs {
		out <- d
	}
	c.labels.describe(out)
}

// Collect sends the values of the latest snapshot; none before the first.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	v := c.server.current()
	if v == nil {
		return
	}
	now := c.server.config.Now()
	for i, g := range c.gauges {
		x, ok := g.value(v, now)
		if !ok {
			continue
		}
		kind := prometheus.GaugeValue
		if g.counter {
			kind = prometheus.CounterValue
		}
		out <- prometheus.MustNewConstMetric(c.descs[i], kind, x, v.Cluster, v.Name)
	}
	c.labels.collect(out, v)
}

// labelled are the metrics with labels of their own.
type labelled struct {
	pluginUp, pluginRestarts, memberLag, beatAge, beatsDropped, build, rule *prometheus.Desc
}

func newLabelled() labelled {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, append([]string{"scope", "name"}, labels...), nil)
	}
	return labelled{
		pluginUp:       desc("pgvigil_plugin_up", "1 if the plugin answers.", "plugin"),
		pluginRestarts: desc("pgvigil_plugin_restarts_total", "How often the plugin was started again.", "plugin"),
		memberLag:      desc("pgvigil_member_replay_lag_bytes", "How far a member's replay is behind the leader.", "member"),
		beatAge:        desc("pgvigil_heartbeat_age_seconds", "How old the last heartbeat of a leader was when the loop turned last.", "member"),
		beatsDropped:   desc("pgvigil_heartbeats_dropped_total", "Datagrams that were not believed.", "fault"),
		build:          desc("pgvigil_build_info", "1, with the version as a label.", "version"),
		rule:           desc("pgvigil_decision_info", "1, with the rule in force as a label.", "rule"),
	}
}

func (l labelled) describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{l.pluginUp, l.pluginRestarts, l.memberLag, l.beatAge, l.beatsDropped, l.build, l.rule} {
		out <- d
	}
}

func (l labelled) collect(out chan<- prometheus.Metric, v *view) {
	send := func(d *prometheus.Desc, kind prometheus.ValueType, x float64, label string) {
		out <- prometheus.MustNewConstMetric(d, kind, x, v.Cluster, v.Name, strings.ToValidUTF8(label, "?"))
	}
	send(l.build, prometheus.GaugeValue, 1, v.Version)
	send(l.rule, prometheus.GaugeValue, 1, string(v.Reason.Rule))
	for _, p := range v.Plugins {
		send(l.pluginUp, prometheus.GaugeValue, number(p.Up), p.Name)
		send(l.pluginRestarts, prometheus.CounterValue, float64(p.Restarts), p.Name)
	}
	for _, h := range v.Heard {
		if h.At != 0 {
			send(l.beatAge, prometheus.GaugeValue, seconds(v.At.Sub(h.At)), h.Name)
		}
	}
	for fault, n := range v.Heartbeats.Dropped {
		send(l.beatsDropped, prometheus.CounterValue, float64(n), fault)
	}
	for _, m := range v.describeMembers() {
		if m.ReplayLag != nil {
			send(l.memberLag, prometheus.GaugeValue, float64(*m.ReplayLag), m.Name)
		}
	}
}

func number(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// versionNumber is Patroni's coding of "4.1.2": 40102. Suffixes do not count.
func versionNumber(version string) float64 {
	n := 0
	version = strings.TrimPrefix(version, "v")
	for i, part := range append(strings.SplitN(version, ".", 3), "0", "0")[:3] {
		digits := part[:len(part)-len(strings.TrimLeft(part, "0123456789"))]
		x, err := strconv.Atoi(digits)
		if err != nil {
			x = 0
		}
		n += x * [3]int{10000, 100, 1}[i]
	}
	return float64(n)
}
