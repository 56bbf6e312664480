// SPDX-License-Identifier: Apache-2.0

package pluginhost

import (
	"context"
	"fmt"
	"time"

	goplugin "github.com/hashicorp/go-plugin"
	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
	"google.golang.org/grpc/health/grpc_health_v1"
)

const (
	// healthEvery is the time between two checks of a plugin nobody suspects.
	healthEvery = 5 * time.Second
	// healthAgain is the time to the next check after one that failed.
	healthAgain = 100 * time.Millisecond
	// pingTimeout bounds the check of the process, healthTimeout that of the plugin's own code, which must answer
	// within a second.
	pingTimeout, healthTimeout = time.Second, 2 * time.Second
	// missesAllowed is how many checks in a row may fail.
	missesAllowed = 2
)

// checkup decides from the checks of one session when a plugin hangs.
type checkup struct{ misses int }

// hangs takes the result of one check. A plugin that missed a deadline before it missed the check gets no
// second one.
func (c *checkup) hangs(failed, suspected bool) bool {
	if !failed {
		c.misses = 0
		return false
	}
	c.misses++
	return suspected || c.misses > missesAllowed
}

// pause is the time to the next check.
func (c *checkup) pause() time.Duration {
	if c.misses > 0 {
		return healthAgain
	}
	return healthEvery
}

// ping asks the process for a sign of life, without any of the plugin's own code.
func (s *session) ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(unsuspicious(ctx), pingTimeout)
	defer cancel()
	request := &grpc_health_v1.HealthCheckRequest{Service: goplugin.GRPCServiceName}
	if _, err := grpc_health_v1.NewHealthClient(s.conn).Check(ctx, request); err != nil {
		return fmt.Errorf("ping: %w", err)
	}
	return nil
}

// health asks the plugin how it is.
func (s *session) health(ctx context.Context) (healthy bool, message string, err error) {
	ctx, cancel := context.WithTimeout(unsuspicious(ctx), healthTimeout)
	defer cancel()
	answer, err := s.base.Health(ctx, &pluginv1.HealthRequest{})
	if err != nil {
		return false, "", fmt.Errorf("health: %w", err)
	}
	return answer.GetHealthy(), answer.GetMessage(), nil
}
