// SPDX-License-Identifier: Apache-2.0

// Package config is the plugin's HCL body: its schema, its checks, and the settings it resolves to on
// this host.
package config
