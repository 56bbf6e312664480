// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"cmp"
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"time"

	"github.com/pgvigil/pgvigil/proto/handshake"
	"github.com/pgvigil/pgvigil/supervisor/internal/api"
	"github.com/pgvigil/pgvigil/supervisor/internal/config"
	"github.com/pgvigil/pgvigil/supervisor/internal/daemon"
	"github.com/pgvigil/pgvigil/supervisor/internal/pluginhost"
)

// plugin starts a plugin beside the supervisor's, if that runs, has it judge its block and look at its product.
func (d *Doctor) plugin(ctx context.Context, r *report, block config.PluginBlock, spec pluginhost.Spec) {
	id := "plugins." + block.Name
	probe := pluginhost.NewProbe(slog.New(slog.DiscardHandler), spec)
	defer func() {
		if err := probe.Close(); err != nil {
			r.warn(id, "", "%v", err)
		}
	}()
	if err := probe.Open(ctx); err != nil {
		r.fail(id, "plugin_dir, or command in the plugin block, says which file it is",
			"%s cannot be served by %s: %v", block, block.Command, err)
		return
	}
	r.ok(id, "%s %s, protocol %d, %s", block.Name, probe.Info().Version, handshake.ProtocolVersion, block.Command)
	body, _, diags, err := daemon.CheckBody(ctx, d.Config, block, daemon.Asked{Probe: probe})
	diagnose(r, diags)
	switch {
	case err != nil:
		r.fail(id, "", "%v", err)
	case diags.HasErrors():
	case spec.Kind == pluginhost.KindDCS:
		d.dcs(ctx, r, probe, block, body)
	case spec.Kind == pluginhost.KindRouter:
		d.router(ctx, r, probe, block, body)
	}
	if body != nil {
		secretsOf(r, block, body)
	}
}

// router tells what the supervisor's plugin says of its product; where there is none, what this one sees.
func (d *Doctor) router(ctx context.Context, r *report, probe *pluginhost.Probe, block config.PluginBlock, body []byte) {
	id := "routers." + block.Name
	if s := d.status(); s != nil {
		if n := slices.IndexFunc(s.Plugins, func(p api.Plugin) bool { return p.Name == block.Name }); n >= 0 {
			told(r, id, s.Plugins[n].Healthy, s.Plugins[n].Message)
		} else {
			r.fail(id, "systemctl restart pgvigil", "the supervisor that runs was started without %s", block)
		}
		return
	}
	if !probe.CanExamine() {
		r.note(id, "", "the plugin cannot tell before the supervisor runs (it lacks the capability router.examine)")
		return
	}
	found, healthy, message, err := probe.Examine(ctx, body)
	for _, f := range found {
		if f.Severity == pluginhost.SeverityError { // the warnings have been told as those of Validate
			r.fail(id, f.Detail, "%s", f.Summary)
		}
	}
	switch {
	case err != nil:
		r.fail(id, "", "%v", err)
	case !pluginhost.HasErrors(found):
		told(r, id, healthy, message)
	}
}

// told is what a plugin says of its product: what to change is in it.
func told(r *report, id string, healthy bool, message string) {
	if healthy {
		r.ok(id, "%s", cmp.Or(message, "healthy"))
		return
	}
	r.fail(id, "", "%s", message)
}

// reads is how many reads of an endpoint are timed, readPatience how long one endpoint may take for all.
const (
	reads        = 7
	readPatience = 3 * time.Second
)

// dcs reads from each endpoint of the DCS, and tells how long that takes.
func (d *Doctor) dcs(ctx context.Context, r *report, probe *pluginhost.Probe, block config.PluginBlock, body []byte) {
	if !probe.CanExamine() {
		r.note("dcs.reach", "", "not asked: the plugin %s lacks the capability dcs.examine", block.Name)
		return
	}
	all := d.endpoints(body)
	reached := 0
	for _, endpoint := range all {
		took, err := d.read(ctx, probe, endpoint, body)
		if err != nil {
			r.warn("dcs.endpoint", "see that it runs, and that firewalls, TLS and its accounts let this host in",
				"%s: not to be read: %v", endpoint, err)
			continue
		}
		reached++
		d.judge(r, endpoint, took)
	}
	if majority := len(all)/2 + 1; reached < majority {
		r.fail("dcs.reach", "bring up the others; without a majority nobody can lead",
			"%d of %d endpoints can be read, %d are needed", reached, len(all), majority)
	}
}

// judge compares times of reads with the ttl: renewals take as long.
func (d *Doctor) judge(r *report, endpoint string, took []time.Duration) {
	median, worst, ttl := took[len(took)/2], took[len(took)-1], d.Config.Timing.TTL
	change := "a network or a disk of the DCS that is faster, or a longer ttl"
	switch {
	case median > ttl/100:
		r.warn("dcs.endpoint", change,
			"%s: reads take %s (median of %d), more than a hundredth of ttl, %s", endpoint, milliseconds(median), len(took), ttl)
	case worst > ttl/20:
		r.warn("dcs.endpoint", change,
			"%s: a read took %s, more than a twentieth of ttl, %s; the median is %s",
			endpoint, milliseconds(worst), ttl, milliseconds(median))
	default:
		r.ok("dcs.endpoint",
			"%s: reads take %s (median of %d), the slowest %s", endpoint, milliseconds(median), len(took), milliseconds(worst))
	}
}

// read times reads through one endpoint, which the plugin is given alone. The times ascend.
func (d *Doctor) read(ctx context.Context, probe *pluginhost.Probe, endpoint string, body []byte) (took []time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, readPatience)
	defer cancel()
	if _, _, _, err := probe.Examine(ctx, only(body, endpoint)); err != nil {
		return nil, err
	}
	for range reads {
		begun := time.Now()
		if err := probe.Read(ctx, d.Config.Cluster.Namespace+"/"+d.Config.Cluster.Name+"/"); err != nil {
			return nil, err
		}
		took = append(took, time.Since(begun))
	}
	slices.Sort(took)
	return took, nil
}

// endpoints are those in the body of a dcs block, or of the embedded members; the block as a whole if it has none.
func (d *Doctor) endpoints(body []byte) []string {
	var b struct{ Endpoints []string }
	if err := json.Unmarshal(body, &b); err == nil && len(b.Endpoints) > 0 {
		return b.Endpoints
	}
	if e, _ := d.Config.Embedded(); e != nil {
		return e.Endpoints
	}
	return []string{whole}
}

// whole stands for a DCS that knows itself where it is.
const whole = "the DCS"

// only is the body with one endpoint.
func only(body []byte, endpoint string) []byte {
	all := map[string]any{}
	if endpoint == whole || json.Unmarshal(body, &all) != nil {
		return body
	}
	all["endpoints"] = []string{endpoint}
	out, err := json.Marshal(all)
	if err != nil {
		return body
	}
	return out
}
