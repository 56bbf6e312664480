// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/pgvigil/pgvigil/supervisor/internal/config"
	"github.com/pgvigil/pgvigil/supervisor/internal/core"
	"github.com/pgvigil/pgvigil/supervisor/internal/loop"
	"github.com/pgvigil/pgvigil/supervisor/internal/pluginhost"
	"github.com/pgvigil/pgvigil/supervisor/internal/status"
)

// Specs says which plugins a configuration needs and how they are run.
func Specs(c *config.Config) []pluginhost.Spec {
	context := pluginhost.Context{
		Member: c.Cluster.Member, Cluster: c.Cluster.Name, Launcher: LauncherPath(),
		TTL: func() core.Span { return core.Span(c.Timing.TTL) },
	}
	var specs []pluginhost.Spec
	for _, b := range c.Plugins() {
		specs = append(specs, pluginhost.Spec{
			Kind: pluginhost.Kind(b.Kind), Name: b.Name, Command: b.Command, Args: b.Args, Env: environ(b.Env),
			SHA256: b.SHA256, Transport: pluginhost.Transport(b.Transport), RunDir: c.RunDir, StateDir: c.StateDir,
			Context: context, Optional: b.Kind == string(pluginhost.KindRouter),
		})
	}
	return specs
}

// missing tells which plugins that a supervisor cannot do without are not installed.
func missing(specs []pluginhost.Spec) error {
	var errs []error
	for _, s := range specs {
		if _, err := os.Stat(s.Command); errors.Is(err, fs.ErrNotExist) && !s.Optional {
			errs = append(errs, fmt.Errorf("plugin %s is not installed: there is no %s (plugin_dir, or command in its plugin block, says where it is)", s.Name, s.Command))
		}
	}
	return errors.Join(errs...)
}

func environ(env map[string]string) []string {
	var out []string
	for k, v := range env {
		out = append(out, k+"="+v)
	}
	return out
}

// LauncherPath is where pgvigil-launcher is: beside this binary, else where the packages put it.
func LauncherPath() string {
	if self, err := os.Executable(); err == nil {
		beside := filepath.Join(filepath.Dir(self), "pgvigil-launcher")
		if _, err := os.Stat(beside); err == nil {
			return beside
		}
	}
	return "/usr/libexec/pgvigil/pgvigil-launcher"
}

// checker is what can judge a plugin's body: a supervised plugin, or one that was only started to be asked.
type checker interface {
	Schema() (pluginhost.Block, error)
	Validate(ctx context.Context, body []byte) ([]pluginhost.Diagnostic, error)
}

// Asked is a plugin that was only started to be asked, as CheckBody takes it; its schema is known by then.
type Asked struct{ *pluginhost.Probe }

// Schema returns the schema of the plugin's block.
func (a Asked) Schema() (pluginhost.Block, error) { return a.Probe.Schema(), nil }

// CheckBody decodes a plugin's body by its schema and has the plugin check it. The body is usable when the
// diagnostics have no error.
func CheckBody(ctx context.Context, c *config.Config, b config.PluginBlock, p checker) ([]byte, config.PathIndex, *config.Diagnostics, error) {
	schema, err := p.Schema()
	if err != nil {
		return nil, config.PathIndex{}, nil, err
	}
	body, paths, diags := c.DecodePlugin(b, configBlock(schema))
	if diags.HasErrors() {
		return nil, paths, diags, nil
	}
	found, err := p.Validate(ctx, body)
	if err != nil {
		return nil, paths, diags, err
	}
	diags.Append(located(found, paths)...)
	return body, paths, diags, nil
}

// located gives a plugin's findings their place in the file.
func located(found []pluginhost.Diagnostic, paths config.PathIndex) []config.Diagnostic {
	var out []config.Diagnostic
	for _, d := range found {
		severity := config.Warning
		if d.Severity == pluginhost.SeverityError {
			severity = config.Error
		}
		out = append(out, paths.Diagnostic(severity, d.Summary, d.Detail, d.Path))
	}
	return out
}

// configBlock is a plugin's schema in the words of the config room. The types stand in the same order.
func configBlock(b pluginhost.Block) config.Block {
	var out config.Block
	for _, a := range b.Attributes {
		out.Attributes = append(out.Attributes, config.Attribute{
			Name: a.Name, Type: config.Type(a.Type), Required: a.Required, Default: a.Default,
			Description: a.Description, Sensitive: a.Sensitive, OneOf: a.OneOf, Minimum: a.Minimum, Maximum: a.Maximum,
		})
	}
	for _, n := range b.Blocks {
		out.Blocks = append(out.Blocks, config.NestedBlock{
			Type: n.Type, Labels: n.Labels, Required: n.Required, Repeated: n.Repeated, Body: configBlock(n.Body),
			Description: n.Description,
		})
	}
	return out
}

// dcs is the plugin host's DCS in the loop's words.
type dcs struct{ *pluginhost.DCS }

// Read implements loop.DCS.
func (d dcs) Read(ctx context.Context, prefix string) (loop.Picture, error) {
	v, err := d.DCS.Read(ctx, prefix)
	p := loop.Picture{Revision: v.Revision, Keys: make([]loop.KeyValue, len(v.Keys))}
	for i, kv := range v.Keys {
		p.Keys[i] = loop.KeyValue(kv)
	}
	return p, err
}

// Commit implements loop.DCS.
func (d dcs) Commit(ctx context.Context, compares []core.Compare, writes []loop.KeyValue) loop.Answer {
	ws := make([]pluginhost.Write, len(writes))
	for i, w := range writes {
		ws[i] = pluginhost.Write{Key: w.Key, Value: w.Value}
	}
	r := d.DCS.Commit(ctx, compares, ws)
	return loop.Answer{Outcome: r.Outcome, Conflict: r.Conflict, Revision: r.Revision, Message: r.Message}
}

// Watch implements loop.DCS.
func (d dcs) Watch(ctx context.Context, prefix string, from core.Revision, changed func(loop.Change)) error {
	return d.DCS.Watch(ctx, prefix, from, func(c pluginhost.Change) {
		out := loop.Change{Revision: c.Revision, Keys: make([]loop.ChangedKey, len(c.Keys))}
		for i, k := range c.Keys {
			out.Keys[i] = loop.ChangedKey{KeyValue: loop.KeyValue(k.KeyValue), Deleted: k.Deleted}
		}
		changed(out)
	})
}

func routers(h *pluginhost.Host) []loop.Router {
	var out []loop.Router
	for _, r := range h.Routers() {
		out = append(out, r)
	}
	return out
}

// pluginStatus is the plugin list of a snapshot.
func pluginStatus(h *pluginhost.Host) []status.Plugin {
	var out []status.Plugin
	for _, s := range h.Status() {
		out = append(out, status.Plugin{
			Name: s.Name, Kind: string(s.Kind), Version: s.Version, PID: s.PID, Up: s.Up && s.Configured,
			Healthy: s.Up && s.Configured && s.Healthy, Restarts: s.Restarts, Message: s.Message,
		})
	}
	return out
}
