// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"strings"

	"github.com/pgvigil/pgvigil/supervisor/internal/api"
	"github.com/pgvigil/pgvigil/supervisor/internal/config"
)

// shownConfig is a configuration as it is shown. It holds no secret.
type shownConfig struct {
	APIVersion           string            `json:"apiVersion"`
	Cluster              string            `json:"cluster"`
	Namespace            string            `json:"namespace"`
	Member               string            `json:"member"`
	TTL                  string            `json:"ttl"`
	PrimaryStartTimeout  string            `json:"primary_start_timeout"`
	PrimaryStopTimeout   string            `json:"primary_stop_timeout"`
	Durability           string            `json:"durability"`
	SynchronousStandbys  int               `json:"synchronous_standbys"`
	MinSync              int               `json:"min_sync"`
	SuspectAfter         string            `json:"suspect_after"`
	MaximumLagOnFailover uint64            `json:"maximum_lag_on_failover"`
	API                  shownAPI          `json:"api"`
	Heartbeats           shownHeartbeats   `json:"heartbeats"`
	Plugins              []shownPlugin     `json:"plugins"`
	Watchdog             shownWatchdog     `json:"watchdog"`
	Tags                 map[string]any    `json:"tags"`
	RunDir               string            `json:"run_dir"`
	StateDir             string            `json:"state_dir"`
	PluginDir            string            `json:"plugin_dir"`
	Log                  map[string]string `json:"log"`
}

type shownAPI struct {
	Listen       string `json:"listen"`
	Connect      string `json:"connect"`
	TLS          bool   `json:"tls"`
	VerifyClient string `json:"verify_client,omitempty"`
	Username     string `json:"username,omitempty"`
}

type shownHeartbeats struct {
	Authenticated bool   `json:"authenticated"`
	SecretFile    string `json:"secret_file,omitempty"`
}

type shownPlugin struct {
	Block     string `json:"block"`
	At        string `json:"at"`
	Command   string `json:"command"`
	SHA256    string `json:"sha256,omitempty"`
	Transport string `json:"transport"`
}

type shownWatchdog struct {
	Mode         string `json:"mode"`
	Device       string `json:"device,omitempty"`
	SafetyMargin string `json:"safety_margin,omitempty"`
}

func shown(c *config.Config) shownConfig {
	out := shownConfig{
		APIVersion: api.Version, Cluster: c.Cluster.Name, Namespace: c.Cluster.Namespace, Member: c.Cluster.Member,
		TTL: c.Timing.TTL.String(), PrimaryStartTimeout: c.Timing.PrimaryStartTimeout.String(),
		PrimaryStopTimeout: c.Timing.PrimaryStopTimeout.String(), Durability: c.Durability,
		SynchronousStandbys: c.Quorum.SyncStandbys, MinSync: c.Quorum.MinSync, SuspectAfter: c.Quorum.SuspectAfter.String(),
		Heartbeats:           shownHeartbeats{c.Heartbeats.Secret != "" || c.Heartbeats.SecretFile != "", c.Heartbeats.SecretFile},
		MaximumLagOnFailover: c.MaximumLagOnFailover, API: shownInterface(c.API),
		Watchdog: shownWatchdog{c.Watchdog.Mode, c.Watchdog.Device, c.Watchdog.SafetyMargin.String()},
		Tags:     shownTags(c.Tags), RunDir: c.RunDir, StateDir: c.StateDir, PluginDir: c.PluginDir,
		Log: map[string]string{"level": strings.ToLower(c.Log.Level.String()), "format": c.Log.Format},
	}
	for _, p := range c.Plugins() {
		out.Plugins = append(out.Plugins, shownPlugin{p.String(), p.Range.String(), p.Command, p.SHA256, p.Transport})
	}
	return out
}

func shownInterface(a config.API) shownAPI {
	out := shownAPI{Listen: a.Listen, Connect: a.Connect, TLS: a.TLS != nil}
	if a.TLS != nil {
		out.VerifyClient = a.TLS.VerifyClient
	}
	if a.Auth != nil {
		out.Username = a.Auth.Username
	}
	return out
}

func shownTags(t config.Tags) map[string]any {
	out := map[string]any{
		"nofailover": t.NoFailover, "failover_priority": t.FailoverPriority, "noloadbalance": t.NoLoadBalance,
		"clonefrom": t.CloneFrom, "nosync": t.NoSync,
	}
	for name, value := range t.Custom {
		out[name] = value
	}
	return out
}
