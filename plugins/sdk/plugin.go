// SPDX-License-Identifier: Apache-2.0

// Package sdk turns a Go program into a pgvigil plugin: fill in a Plugin, call Serve. It needs nothing
// but go-plugin, grpc and protobuf.
package sdk

import (
	"bytes"
	"context"
	"encoding/json"

	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
)

// Plugin is who a plugin is and what it does. Exactly one of DCS, Postgres and Router is set, and
// decides the kind.
type Plugin struct {
	// Name is the label of the plugin's block in the configuration, such as "etcd".
	Name string
	// Version of the plugin, semantic versioning.
	Version string
	// Capabilities as documented at the kind's service, such as "dcs.commit".
	Capabilities []string
	// Schema of the plugin's HCL body.
	Schema *pluginv1.Block

	// Validate checks a body beyond the schema; nil finds nothing. It changes nothing.
	Validate func(context.Context, Config) []*pluginv1.Diagnostic
	// Configure makes a body current; called after Validate found no error. Required.
	Configure func(context.Context, Config) []*pluginv1.Diagnostic
	// Health tells whether the plugin can work now, with one line for the operator; nil is healthy.
	Health func(context.Context) (bool, string)
	// Stop ends what the plugin runs for itself; nil does nothing.
	Stop func(context.Context) error

	DCS      pluginv1.DCSServer
	Postgres pluginv1.PostgresServer
	Router   pluginv1.RouterServer
}

// Config is a decoded HCL body together with where the plugin runs.
type Config struct {
	// JSON object as described at the Schema's types: durations are nanoseconds, sizes bytes.
	JSON []byte
	// Host is never nil.
	Host *pluginv1.HostContext
}

// Decode unmarshals the body into v; a member that v does not know is an error.
func (c Config) Decode(v any) error {
	d := json.NewDecoder(bytes.NewReader(c.JSON))
	d.DisallowUnknownFields()
	return d.Decode(v)
}
