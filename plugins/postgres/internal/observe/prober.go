// SPDX-License-Identifier: Apache-2.0

package observe

import (
	"context"
	"time"

	"github.com/pgvigil/pgvigil/plugins/postgres/internal/config"
	"github.com/pgvigil/pgvigil/plugins/postgres/internal/datadir"
	"github.com/pgvigil/pgvigil/plugins/postgres/internal/session"
)

// queryLimit is how long one attempt to hear from the server may take.
const queryLimit = 2500 * time.Millisecond

// reply is the outcome of one question.
type reply struct {
	server  int // PID of the postmaster it was put to
	answer  *answer
	pending []string
	fresh   bool // whether pending was asked for
	err     error
}

// prober owns the connection. At most one question is under way.
type prober struct {
	conn    *session.Conn
	server  int
	replies chan reply
	busy    bool
}

// ask puts the question to the server in the background; the reply comes over replies.
func (p *prober) ask(ctx context.Context, c *config.Config, server datadir.Postmaster, pending bool) {
	p.busy = true
	go func() { p.replies <- p.question(ctx, c, server, pending) }()
}

func (p *prober) question(ctx context.Context, c *config.Config, server datadir.Postmaster, pending bool) reply {
	ctx, cancel := context.WithTimeout(ctx, queryLimit)
	defer cancel()
	out := reply{server: server.PID, fresh: pending}
	if out.err = p.connect(ctx, c, server); out.err != nil {
		return out
	}
	sets, err := p.conn.Query(ctx, stateSQL)
	if err == nil {
		out.answer, err = parseAnswer(sets)
	}
	if err == nil {
		out.answer.version, _ = datadir.ParseVersion(p.conn.ServerVersion())
	}
	if err == nil && pending {
		out.pending, err = p.askPending(ctx)
	}
	if out.err = err; err != nil {
		p.drop()
	}
	return out
}

func (p *prober) askPending(ctx context.Context) ([]string, error) {
	sets, err := p.conn.Query(ctx, pendingSQL)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, row := range sets[0] {
		out = append(out, row[0])
	}
	return out, nil
}

// connect keeps the connection as long as it leads to the same server.
func (p *prober) connect(ctx context.Context, c *config.Config, server datadir.Postmaster) error {
	if p.conn != nil && p.server == server.PID && !p.conn.Closed() {
		return nil
	}
	p.drop()
	conn, err := session.Local(ctx, c, server.Address, queryLimit)
	p.conn, p.server = conn, server.PID
	return err
}

func (p *prober) drop() {
	if p.conn != nil {
		p.conn.Close()
		p.conn = nil
	}
}
