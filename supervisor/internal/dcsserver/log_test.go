// SPDX-License-Identifier: Apache-2.0

package dcsserver

import (
	"bytes"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"
)

func TestLogOfEtcd(t *testing.T) {
	var out bytes.Buffer
	var stopping atomic.Bool
	log := zapLogger(slog.New(slog.NewTextHandler(&out, nil)), &stopping)
	log.Info("chatter")
	log.Error("failed to update storage version")
	log.With(zap.String("peer-id", "1a")).Warn("slow", zap.Duration("took", 2*time.Second))
	stopping.Store(true)
	log.Error("closed")
	got := out.String()
	if want := `level=WARN msg=slow component=etcd peer_id=1a took=2s`; !strings.Contains(got, want) || strings.Count(got, "\n") != 1 {
		t.Errorf("got %q, want one line with %q", got, want)
	}
}
