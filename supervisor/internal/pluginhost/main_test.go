// SPDX-License-Identifier: Apache-2.0

package pluginhost

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

// The test binary is started again as a plugin, or as a host that is going to be killed.
const (
	pluginEnv = "PGVIGIL_TEST_PLUGIN"
	hostEnv   = "PGVIGIL_TEST_HOST"
)

func TestMain(m *testing.M) {
	switch {
	case os.Getenv(pluginEnv) != "":
		os.Exit(pluginMain(os.Getenv(pluginEnv)))
	case os.Getenv(hostEnv) != "":
		os.Exit(hostMain(os.Getenv(hostEnv)))
	}
	goleak.VerifyTestMain(m)
}
