// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"reflect"
	"slices"

	"github.com/pgvigil/pgvigil/supervisor/internal/config"
)

// setting is something of the configuration that is read once, by its name there.
type setting struct {
	name string
	of   func(*config.Config) any
}

// settings lists what a running supervisor cannot change, in the order of the configuration.
func settings() []setting {
	return []setting{
		{"cluster's label", func(c *config.Config) any { return c.Cluster.Name }},
		{"cluster.namespace", func(c *config.Config) any { return c.Cluster.Namespace }},
		{"cluster.member", func(c *config.Config) any { return c.Cluster.Member }},
		{"api.listen", func(c *config.Config) any { return c.API.Listen }},
		{"api.connect", func(c *config.Config) any { return c.API.Connect }},
		{"api.tls", func(c *config.Config) any { return c.API.TLS }},
		{"api.auth", func(c *config.Config) any { return c.API.Auth }},
		{"heartbeats", func(c *config.Config) any { return [2]string{string(c.Heartbeats.Secret), c.Heartbeats.SecretFile} }},
		{"postgres.connect", func(c *config.Config) any { return [2]any{c.Server.Host, c.Server.Port} }},
		{"postgres.user", func(c *config.Config) any { return c.Server.User }},
		{"watchdog.mode", func(c *config.Config) any { return c.Watchdog.Mode }},
		{"watchdog.device", func(c *config.Config) any { return c.Watchdog.Device }},
		{"tags", func(c *config.Config) any { return c.Tags }},
		{"log.format", func(c *config.Config) any { return c.Log.Format }},
		{"run_dir", func(c *config.Config) any { return c.RunDir }},
		{"state_dir", func(c *config.Config) any { return c.StateDir }},
		{"plugin_dir", func(c *config.Config) any { return c.PluginDir }},
	}
}

// needRestart names what differs between the configuration the supervisor was started with and a fresh one, and only
// a restart brings in force.
func needRestart(started, fresh *config.Config) []string {
	var names []string
	for _, s := range settings() {
		if !reflect.DeepEqual(s.of(started), s.of(fresh)) {
			names = append(names, s.name)
		}
	}
	return append(names, changedPlugins(started.Plugins(), fresh.Plugins())...)
}

// changedPlugins names the blocks that were added or removed, or whose plugin is run in another way.
func changedPlugins(started, fresh []config.PluginBlock) []string {
	var names []string
	for _, b := range fresh {
		i := slices.IndexFunc(started, func(x config.PluginBlock) bool { return x.Kind == b.Kind && x.Name == b.Name })
		switch {
		case i < 0:
			names = append(names, b.String()+" (new)")
		case !sameProcess(started[i], b):
			names = append(names, b.String()+" (how its plugin is run)")
		}
	}
	for _, b := range started {
		if !slices.ContainsFunc(fresh, func(x config.PluginBlock) bool { return x.Kind == b.Kind && x.Name == b.Name }) {
			names = append(names, b.String()+" (removed)")
		}
	}
	return names
}

// sameProcess tells whether two blocks run their plugin in the same way.
func sameProcess(a, b config.PluginBlock) bool {
	return a.Command == b.Command && a.SHA256 == b.SHA256 && a.Transport == b.Transport &&
		slices.Equal(a.Args, b.Args) && reflect.DeepEqual(a.Env, b.Env)
}
