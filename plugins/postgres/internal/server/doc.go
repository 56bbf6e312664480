// SPDX-License-Identifier: Apache-2.0

// Package server is the Postgres service of the plugin: the calls in the order of the protocol, one long
// call at a time, each refused when its epoch is older than one already seen.
package server
