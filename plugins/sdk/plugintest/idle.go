// SPDX-License-Identifier: Apache-2.0

package plugintest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
	"google.golang.org/grpc"
)

// IdleRouter measures what processes cost while nothing happens but what a supervisor repeats every five seconds, the routes and
// the question for health. An iteration is a second. Reported by the processes' names is the part of a core in percent.
func IdleRouter(b *testing.B, conn *grpc.ClientConn, routes *pluginv1.RouterApplyRequest, pids map[string]int) {
	before := map[string]time.Duration{}
	for name, pid := range pids {
		before[name] = cpu(b, pid)
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	began, seconds := time.Now(), 0
	for b.Loop() {
		<-tick.C
		if seconds++; seconds%5 == 0 {
			repeat(b, conn, routes)
		}
	}
	took := time.Since(began)
	for name, pid := range pids {
		b.ReportMetric(100*float64(cpu(b, pid)-before[name])/float64(took), name+"-%")
	}
}

func repeat(b *testing.B, conn *grpc.ClientConn, routes *pluginv1.RouterApplyRequest) {
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	if _, err := pluginv1.NewRouterClient(conn).Apply(ctx, routes); err != nil {
		b.Fatalf("apply: %v", err)
	}
	health, err := pluginv1.NewBaseClient(conn).Health(ctx, &pluginv1.HealthRequest{})
	if err != nil || !health.GetHealthy() {
		b.Fatalf("health: %s (%v)", health.GetMessage(), err)
	}
}

// cpu is how much processor time the threads of a process have used, by the scheduler's count.
func cpu(b *testing.B, pid int) (sum time.Duration) {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil || len(threads) == 0 {
		b.Fatalf("process %d has no threads: %v", pid, err)
	}
	for _, thread := range threads {
		raw, err := os.ReadFile(thread)
		if err != nil {
			b.Fatal(err)
		}
		ns, err := strconv.ParseInt(strings.Fields(string(raw))[0], 10, 64)
		if err != nil {
			b.Fatal(err)
		}
		sum += time.Duration(ns)
	}
	return sum
}
