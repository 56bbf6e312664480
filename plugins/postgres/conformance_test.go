// SPDX-License-Identifier: Apache-2.0

package main

import (
	"testing"

	"github.com/pgvigil/pgvigil/plugins/sdk/plugintest"
)

func TestConformance(t *testing.T) {
	eachVersion(t, func(t *testing.T, bin string) {
		alpha, beta := newHost(t, bin, "alpha"), newHost(t, bin, "beta")
		t.Run("story", func(t *testing.T) { plugintest.Postgres(t, alpha.node(), beta.node()) })
	})
}
