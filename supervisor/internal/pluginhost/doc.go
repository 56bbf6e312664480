// SPDX-License-Identifier: Apache-2.0

// Package pluginhost is the supervisor's side of the plugin protocol: it starts plugin processes, keeps
// them running, and turns the calls of each kind into the core's types.
//
// A plugin is never trusted to behave. Whatever it prints, answers or fails to answer, the host goes on:
// every call is bounded in time and size, a plugin that does not answer is killed and started again, and a
// value the protocol does not define is an error. What a plugin started for itself dies with it.
//
// Host supervises all plugins of a daemon; Probe asks one plugin a few questions and stops it. DCS, Postgres
// and Router are the typed clients. They may be called at any time and from any goroutine, and fail at once
// while their plugin is down.
package pluginhost
