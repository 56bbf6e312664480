// SPDX-License-Identifier: Apache-2.0

package plugintest

import (
	"context"
	"testing"

	"google.golang.org/grpc"
)

// PostgresNode is one PostgreSQL plugin as its suite needs it. The plugin and the test must see the same
// processes, and the test must be allowed to kill them.
type PostgresNode struct {
	// Name of the member: lower-case letters and digits.
	Name string
	// Host and Port at which the other node reaches this PostgreSQL.
	Host string
	Port uint32
	// Conn to the plugin, configured for a data directory that does not exist yet.
	Conn *grpc.ClientConn
	// SQL runs one statement as superuser and returns the first column of the first row as text, or "".
	SQL func(ctx context.Context, statement string) (string, error)
	// Restart ends the plugin, starts it anew on the same directories and returns the connection to it,
	// configured. t is that of the whole story.
	Restart func(t testing.TB) *grpc.ClientConn
	// Set configures the plugin with one PostgreSQL parameter changed, on top of earlier changes.
	Set func(t testing.TB, parameter, value string)
}

// Postgres checks the promises of pluginv1.Postgres on two nodes with the same passwords. It is one
// story: each chapter starts from where the one before ended, and the first that fails ends it. Both
// nodes are stopped at the end.
func Postgres(t *testing.T, first, second PostgresNode) {
	s := &story{whole: t, a: &node{PostgresNode: first}, b: &node{PostgresNode: second}}
	defer s.stopAll(t)
	for _, chapter := range []struct {
		name string
		run  func(t *testing.T)
	}{
		{"nothing_there", s.nothingThere},
		{"bootstrap", s.bootstrap},
		{"start_is_a_standby", s.start},
		{"promote", s.promote},
		{"older_epoch", s.olderEpoch},
		{"clone_cancelled_and_repeated", s.clone},
		{"standby_streams", s.stream},
		{"apply", s.apply},
		{"settle", s.settle},
		{"parameters", s.parameters},
		{"plugin_restarts", s.pluginRestarts},
		{"detach", s.detach},
		{"detach_survives_restarts", s.detachSurvives},
		{"follow", s.follow},
		{"checkpoint", s.checkpoint},
		{"primary_crashes", s.crash},
		{"promote_the_other", s.failover},
		{"rewind", s.rewind},
		{"rewind_without_need", s.rewindAgain},
		{"standby_crashes", s.standbyCrashes},
		{"crashed_primary_starts_as_standby", s.primaryReturns},
		{"stop_a_frozen_one", s.stopFrozen},
		{"stop", s.stop},
		{"not_on_a_stopped_one", s.refusals},
	} {
		if !t.Run(chapter.name, chapter.run) {
			t.FailNow()
		}
	}
}

// story is the two nodes and what the chapters remember of each other.
type story struct {
	// whole is the test that all chapters are in.
	whole *testing.T
	a, b  *node
	// epoch of the last decision.
	epoch uint64
	// identifier of the database system.
	identifier uint64
	// detachedAt is where b stood when it was detached.
	detachedAt uint64
}

// next begins a new epoch.
func (s *story) next() uint64 {
	s.epoch++
	return s.epoch
}
