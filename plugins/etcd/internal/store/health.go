// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
)

// patience of a health check, so that it answers within a second while etcd hangs.
const patience = 700 * time.Millisecond

// condition is what one endpoint said of itself.
type condition struct {
	url    string
	status *pb.StatusResponse
	err    error
}

// Health asks every endpoint how it is, and tells in one line whether requests can be served now.
func (s *Store) Health(ctx context.Context) (bool, string) {
	end, err := s.begin()
	if err != nil {
		return false, err.Error()
	}
	defer end()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	conditions := make([]condition, len(s.endpoints))
	var wg sync.WaitGroup
	for i, e := range s.endpoints {
		wg.Go(func() {
			st, err := e.probe(ctx)
			e.suspect.Store(err != nil)
			conditions[i] = condition{e.url, st, err}
		})
	}
	wg.Wait()
	return summarise(conditions)
}

// summarise makes one line of what the endpoints said. Requests can be served when one of them is well.
func summarise(all []condition) (healthy bool, line string) {
	var well int
	var remarks []string
	seen := make(map[string]bool)
	remark := func(format string, args ...any) {
		if r := fmt.Sprintf(format, args...); !seen[r] {
			seen[r] = true
			remarks = append(remarks, r)
		}
	}
	for _, c := range all {
		if c.err != nil {
			remark("%s: %s", c.url, brief(c.err))
			continue
		}
		well++
		for _, alarm := range c.status.Errors {
			remark("%s: %s", c.url, alarm)
		}
		if hint := outdated(c.status.Version); hint != "" {
			remark("%s", hint)
		}
	}
	line = fmt.Sprintf("%d of %d endpoints answer", well, len(all))
	return well > 0, strings.Join(append([]string{line}, remarks...), "; ")
}

// brief shortens an error to its reason.
func brief(err error) string {
	text := describe(err)
	if strings.Contains(text, "context deadline exceeded") {
		return "no answer"
	}
	if i := strings.LastIndex(text, "transport: "); i >= 0 {
		text = text[i+len("transport: "):]
	}
	return strings.Trim(strings.TrimPrefix(text, "Error while dialing: "), `"`)
}
