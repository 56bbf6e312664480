// SPDX-License-Identifier: Apache-2.0

// Package handshake holds what supervisor and plugins must agree on before the first call: constants
// only, no imports.
package handshake

const (
	// CookieKey and CookieValue tell a plugin that it was started by a supervisor and not by hand. They
	// are no security feature.
	CookieKey   = "PGVIGIL_PLUGIN"
	CookieValue = "f1f7a2c4-2d0b-4b0e-9c53-pgvigil"

	// ProtocolVersion is the version of the plugin protocol; it changes only when old plugins can no
	// longer be spoken to.
	ProtocolVersion = 1

	// PluginName is the name under which go-plugin registers the one plugin of a process.
	PluginName = "pgvigil"

	// WindowBytes is the flow control window of both sides.
	WindowBytes = 1 << 20

	// MaxMessageBytes bounds one gRPC message in either direction.
	MaxMessageBytes = 16 << 20
)

// Kinds of plugins, as they are called in configuration and messages.
const (
	KindDCS      = "dcs"
	KindPostgres = "postgres"
	KindRouter   = "router"
)
