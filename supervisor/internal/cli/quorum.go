// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"strings"

	"github.com/pgvigil/pgvigil/supervisor/internal/api"
)

// quorumLine says who acknowledges commits and who may replace the leader; empty with asynchronous durability.
func quorumLine(s *api.Status) string {
	q := s.Cluster.Quorum
	switch {
	case q == nil:
		return ""
	case q.K == 0:
		return "quorum: no standby acknowledges commits, and none can take over by itself"
	}
	acknowledges := "any " + fmt.Sprint(q.K) + " of " + strings.Join(q.Standbys, ", ") + verb(q.K, " acknowledges", " acknowledge")
	if q.K == len(q.Standbys) {
		acknowledges = strings.Join(q.Standbys, " and ") + verb(q.K, " acknowledges", " acknowledge")
	}
	return fmt.Sprintf("quorum: %s; %d %s of %s %s", acknowledges, q.Elect, verb(q.Elect, "ballot", "ballots"), strings.Join(q.Members, ", "), verb(q.Elect, "elects", "elect"))
}

func verb(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// synchronous is a member's part in commits.
func synchronous(s *api.Status, m api.Member) string {
	switch {
	case m.Sync && s.Cluster.Quorum.K == len(s.Cluster.Quorum.Standbys):
		return "sync"
	case m.Sync:
		return "quorum"
	case m.Role != "replica":
		return ""
	}
	return "async"
}

// ballotLines are the ballots of an election under way.
func ballotLines(q *api.Quorum, epoch uint64) []string {
	if q == nil || len(q.Ballots) == 0 {
		return nil
	}
	lines := []string{fmt.Sprintf("ballots of epoch %d, of which %d elect:", epoch, q.Elect)}
	for _, b := range q.Ballots {
		lines = append(lines, fmt.Sprintf("  %s at %s on timeline %d, replayed %s, priority %d", b.Member, b.LSN, b.Timeline, b.Replayed, b.Priority))
	}
	return lines
}
