// SPDX-License-Identifier: Apache-2.0

package peers

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
)

// A datagram is head, MAC and message. The MAC is HMAC-SHA256 over head and message, or zeros without a secret. A message is
//
//	kind, session, nonce, to, cluster, from, and then
//	beat:    flags (1 open, 2 gone), epoch, sent at, ask
//	promise: to (a name), epoch, sent at, for
//
// with kind and flags of one byte, numbers of eight, big-endian, and strings behind their length in two. More may follow: later
// versions add at the end, and this one ignores it.
const (
	head       = "PGV1"
	macSize    = sha256.Size
	maxMessage = 1400 // with head and MAC: goes through any network in one piece
)

// kind of a message.
type kind byte

const (
	kindBeat kind = iota + 1
	kindPromise
	// kindWho asks the sender of a beat to prove that it is alive: Nonce is to come back in a beat.
	kindWho
)

const (
	flagOpen = 1 << iota
	flagGone
)

// message is what one supervisor says to another.
type message struct {
	kind kind
	// session names the process of from.
	session uint64
	// nonce of a question, and of the beat that answers it.
	nonce uint64
	// to is the session a promise is made to.
	to uint64
	// cluster is namespace and name.
	cluster, from string
	beat          core.Beat
	promise       core.Promise
}

var (
	errOversized = errors.New("longer than a message may be")
	errMalformed = errors.New("not a message")
	errForged    = errors.New("made with another secret, or without one")
)

// encode makes the datagram of a message.
func encode(m message, secret []byte) ([]byte, error) {
	out := make([]byte, len(head)+macSize, 256)
	copy(out, head)
	out = append(out, byte(m.kind))
	out = numbers(out, m.session, m.nonce, m.to)
	out = texts(out, m.cluster, m.from)
	switch m.kind {
	case kindBeat:
		var flags byte
		if m.beat.Open {
			flags |= flagOpen
		}
		if m.beat.Gone {
			flags |= flagGone
		}
		out = append(out, flags)
		out = numbers(out, uint64(m.beat.Epoch), uint64(m.beat.SentAt), uint64(m.beat.Ask))
	case kindPromise:
		out = texts(out, m.promise.To)
		out = numbers(out, uint64(m.promise.Epoch), uint64(m.promise.SentAt), uint64(m.promise.For))
	}
	if len(out) > maxMessage {
		return nil, errOversized
	}
	copy(out[len(head):], mac(out[len(head)+macSize:], secret))
	return out, nil
}

func numbers(out []byte, ns ...uint64) []byte {
	for _, n := range ns {
		out = binary.BigEndian.AppendUint64(out, n)
	}
	return out
}

func texts(out []byte, ts ...string) []byte {
	for _, t := range ts {
		out = binary.BigEndian.AppendUint16(out, uint16(len(t)))
		out = append(out, t...)
	}
	return out
}

// decode reads a datagram, and refuses what was made with another secret. Without a secret of its own it takes any.
func decode(data, secret []byte) (message, error) {
	switch {
	case len(data) > maxMessage:
		return message{}, errOversized
	case len(data) < len(head)+macSize || !bytes.HasPrefix(data, []byte(head)):
		return message{}, errMalformed
	}
	given, text := data[len(head):len(head)+macSize], data[len(head)+macSize:]
	if secret != nil && !hmac.Equal(given, mac(text, secret)) {
		return message{}, errForged
	}
	r := reader{rest: text}
	m := message{kind: kind(r.byte()), session: r.number(), nonce: r.number(), to: r.number(), cluster: r.text(), from: r.text()}
	switch m.kind {
	case kindBeat:
		flags := r.byte()
		m.beat = core.Beat{Name: m.from, Open: flags&flagOpen != 0, Gone: flags&flagGone != 0}
		m.beat.Epoch, m.beat.SentAt, m.beat.Ask = core.Epoch(r.number()), core.Instant(r.number()), core.Span(r.number())
	case kindPromise:
		m.promise = core.Promise{From: m.from, To: r.text()}
		m.promise.Epoch, m.promise.SentAt, m.promise.For = core.Epoch(r.number()), core.Instant(r.number()), core.Span(r.number())
	}
	if r.short || !m.sensible() {
		return message{}, errMalformed
	}
	return m, nil
}

// sensible tells whether a supervisor could say so.
func (m message) sensible() bool {
	if m.from == "" || m.session == 0 {
		return false
	}
	switch m.kind {
	case kindBeat:
		return m.beat.SentAt > 0 && m.beat.Ask >= 0
	case kindPromise:
		return m.promise.SentAt > 0 && m.promise.For > 0
	case kindWho:
		return m.nonce != 0
	}
	return false
}

// mac is zeros without a secret.
func mac(text, secret []byte) []byte {
	if secret == nil {
		return make([]byte, macSize)
	}
	h := hmac.New(sha256.New, secret)
	h.Write([]byte(head))
	h.Write(text)
	return h.Sum(nil)
}

// reader takes a message apart.
type reader struct {
	rest []byte
	// short says that something was missing.
	short bool
}

func (r *reader) take(n int) []byte {
	if len(r.rest) < n {
		r.short, r.rest = true, nil
		return make([]byte, n)
	}
	taken := r.rest[:n]
	r.rest = r.rest[n:]
	return taken
}

func (r *reader) byte() byte { return r.take(1)[0] }

func (r *reader) number() uint64 { return binary.BigEndian.Uint64(r.take(8)) }

func (r *reader) text() string { return string(r.take(int(binary.BigEndian.Uint16(r.take(2))))) }
