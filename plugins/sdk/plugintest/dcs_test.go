// SPDX-License-Identifier: Apache-2.0

package plugintest_test

import (
	"os"
	"os/exec"
	"testing"

	"github.com/pgvigil/pgvigil/plugins/sdk/plugintest"
	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
	"google.golang.org/grpc"
)

// defectEnv names the defect of the memory in a run of TestDCS that must fail.
const defectEnv = "PLUGINTEST_DEFECT"

func TestDCS(t *testing.T) {
	m := newMemory(os.Getenv(defectEnv))
	host := &pluginv1.HostContext{Member: "m1", Cluster: "plugintest", RunDir: t.TempDir(), StateDir: t.TempDir()}
	plugintest.DCS(t, func(t testing.TB) *grpc.ClientConn {
		conn := plugintest.InProcess(t, m.plugin())
		plugintest.Configure(t, conn, nil, host)
		return conn
	})
}

func TestBase(t *testing.T) {
	plugintest.Base(t, plugintest.Subject{
		Connect: func(t testing.TB) *grpc.ClientConn { return plugintest.InProcess(t, newMemory("").plugin()) },
		Host:    plugintest.Host(t, "m1"),
	})
}

// TestDCSFindsDefects shows that the suite fails on a store that breaks a promise.
func TestDCSFindsDefects(t *testing.T) {
	for _, defect := range []string{
		"compare ignored", "0 holds always", "half a commit", "no current", "key written twice",
		"prefix is a path", "no first message", "from ignored", "event lost",
	} {
		t.Run(defect, func(t *testing.T) {
			t.Parallel()
			cmd := exec.Command(os.Args[0], "-test.run=^TestDCS$", "-test.timeout=4s")
			cmd.Env = append(os.Environ(), defectEnv+"="+defect, "TMPDIR="+t.TempDir())
			if out, err := cmd.CombinedOutput(); err == nil {
				t.Errorf("the suite does not notice\n%s", out)
			}
		})
	}
}
