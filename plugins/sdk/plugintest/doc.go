// SPDX-License-Identifier: Apache-2.0

// Package plugintest holds the conformance suites of the plugin protocol: Base for every plugin, and DCS,
// Postgres and Router for the kinds. They see a plugin through a connection only, so that one suite runs
// in the test's own process (InProcess) and against a binary (Binary), written in any language.
package plugintest
