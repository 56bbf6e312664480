// SPDX-License-Identifier: Apache-2.0

package peers

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
)

const (
	// probeEvery is the time between the beginnings of two questions, probeTimeout how long one may take.
	probeEvery   = 150 * time.Millisecond
	probeTimeout = 300 * time.Millisecond
)

// prober asks PostgreSQL of another member.
type prober struct {
	peer   core.Peer
	state  core.Probe
	cancel context.CancelFunc // nil while nobody is asked
	// grace runs out when there has been no answer for long.
	grace *time.Timer
}

// Probe has the PostgreSQL of a member asked, again and again, until the next call; nil is nobody's.
func (p *Peers) Probe(peer *core.Peer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := &p.prober
	asking := r.cancel != nil
	if asking && peer != nil && *peer == r.peer || !asking && peer == nil {
		return
	}
	if asking {
		r.cancel()
		r.grace.Stop()
	}
	*r = prober{}
	if peer == nil {
		return
	}
	var ctx context.Context
	ctx, r.cancel = context.WithCancel(context.Background())
	r.peer, r.state = *peer, core.Probe{Name: peer.Name, Since: p.Clock()}
	r.grace = time.AfterFunc(time.Duration(p.ProbeGrace), p.nudge)
	target := net.JoinHostPort(peer.Host, strconv.Itoa(int(peer.Port)))
	p.running.Go(func() { p.probe(ctx, target) })
}

// Probed tells how the question stands that Probe asks.
func (p *Peers) Probed() core.Probe {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.prober.state
}

// probe asks until ctx ends, one question at a time.
func (p *Peers) probe(ctx context.Context, target string) {
	ticker := time.NewTicker(probeEvery)
	defer ticker.Stop()
	for {
		if err := Ask(ctx, target); err == nil {
			p.answered(ctx)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// answered notes an answer to the question that ctx belongs to.
func (p *Peers) answered(ctx context.Context) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if ctx.Err() != nil {
		return
	}
	r := &p.prober
	first := r.state.AnsweredAt == 0
	r.state.AnsweredAt = p.Clock()
	if over := !r.grace.Reset(time.Duration(p.ProbeGrace)); first || over {
		p.nudge()
	}
}

// encryptionQuestion is GSSENCRequest: its length and its code. A server answers with one byte, and writes nothing into its log when
// the client leaves after that. (With SSLRequest it would complain that the handshake did not come.)
var encryptionQuestion = binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, 8), 80877104)

// Ask returns nil when a postmaster is there that answers: it had to start a process for that.
func Ask(ctx context.Context, target string) error {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", target)
	if err != nil {
		return fmt.Errorf("postgresql of %s: %w", target, err)
	}
	answer := make([]byte, 1)
	defer func() { leave(conn, answer[0]) }()
	deadline, _ := ctx.Deadline()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if err := conn.SetDeadline(deadline); err != nil {
		return fmt.Errorf("postgresql of %s: %w", target, err)
	}
	_, err = conn.Write(encryptionQuestion)
	if err == nil {
		_, err = conn.Read(answer)
	}
	switch {
	case err != nil:
		return fmt.Errorf("postgresql of %s: %w", target, err)
	case answer[0] != 'G' && answer[0] != 'N' && answer[0] != 'E':
		return fmt.Errorf("postgresql of %s: %w", target, errNoServer)
	}
	return nil
}

var errNoServer = errors.New("answer of something else")

// leave ends a connection by a reset, so that neither side remembers it for a minute. Who does not answer G would log that, and is
// told first that the stream has ended.
func leave(conn net.Conn, answer byte) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
		if answer != 'G' {
			_ = tcp.CloseWrite()
		}
	}
	conn.Close()
}
