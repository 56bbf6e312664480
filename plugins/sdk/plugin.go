// SPDX-License-Identifier: Apache-2.0

// Package sdk turns a Go program into a pgvigil plugin: fill in a Plugin, call Serve. It needs nothing
// but go-plugin, grpc and protobuf.
//
// What it takes off an author's hands: the handshake, the Base service, the check of bodies against the
// schema, the order of calls (nothing of the kind before Configure, nothing after Stop), panics, a
// stdout that must stay silent, signals, and the death of the supervisor.
package sdk

import (
	"bytes"
	"context"
	"encoding/json"

	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
)

// Plugin is who a plugin is and what it does. Exactly one of DCS, Postgres and Router is set, and
// decides the kind.
//
// The functions may be called at the same time as each other and as the kind's calls, except that
// Validate and Configure are never called twice at once. A plain error returned by a kind's call
// reaches the supervisor as INTERNAL (outcome unknown), a context error as DEADLINE_EXCEEDED or
// CANCELLED; return a gRPC status for everything else that Base documents.
type Plugin struct {
	// Name is the label of the plugin's block in the configuration, such as "etcd".
	Name string
	// Version of the plugin, semantic versioning.
	Version string
	// Capabilities as documented at the kind's service, such as "dcs.commit".
	Capabilities []string
	// Schema of the plugin's HCL body; nil is an empty body.
	Schema *pluginv1.Block

	// Validate checks a body beyond the schema; nil finds nothing. It changes nothing.
	Validate func(context.Context, Config) []*pluginv1.Diagnostic
	// Configure makes a body current; called after Validate found no error. When it answers an error it
	// must have changed nothing. Required.
	Configure func(context.Context, Config) []*pluginv1.Diagnostic
	// Health tells whether the plugin can work now, with one line for the operator; nil is healthy. One
	// that takes longer than HealthBound is reported as unhealthy.
	Health func(context.Context) (bool, string)
	// Stop ends what the plugin runs for itself; nil does nothing. Called at most once, after every
	// stream was cancelled.
	Stop func(context.Context) error

	DCS      pluginv1.DCSServer
	Postgres pluginv1.PostgresServer
	Router   pluginv1.RouterServer
}

// Config is a decoded HCL body together with where the plugin runs.
type Config struct {
	// JSON object as described at the Schema's types: durations are nanoseconds, sizes bytes. It was
	// checked against the Schema.
	JSON []byte
	// Host is never nil.
	Host *pluginv1.HostContext
	// Examine has Configure only look, for plugins that say they can: see ConfigureRequest.
	Examine bool
}

// Decode unmarshals the body into v; a member that v does not know is an error.
func (c Config) Decode(v any) error {
	d := json.NewDecoder(bytes.NewReader(c.JSON))
	d.DisallowUnknownFields()
	return d.Decode(v)
}
