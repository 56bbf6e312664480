// SPDX-License-Identifier: Apache-2.0

package peers

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"errors"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
)

// A datagram is head, MAC and message. The MAC is HMAC-SHA256 over head and message, or zeros without a secret; the message is
// JSON, fields that a version does not know are ignored.
const (
	head       = "PGV1"
	macSize    = sha256.Size
	maxMessage = 1400 // with head and MAC: goes through any network in one piece
)

// kind of a message.
type kind string

const (
	kindBeat    kind = "beat"
	kindPromise kind = "promise"
	// kindWho asks the sender of a beat to prove that it is alive: Nonce is to come back in a beat.
	kindWho kind = "who"
)

// message is what one supervisor says to another.
type message struct {
	// Cluster is namespace and name.
	Cluster string `json:"cluster"`
	From    string `json:"from"`
	// Session names the process of From.
	Session uint64        `json:"session"`
	Kind    kind          `json:"kind"`
	Beat    *core.Beat    `json:"beat,omitempty"`
	Promise *core.Promise `json:"promise,omitempty"`
	// Nonce of a question, and of the beat that answers it.
	Nonce uint64 `json:"nonce,omitempty"`
	// To is the session a promise is made to.
	To uint64 `json:"to,omitempty"`
}

var (
	errOversized = errors.New("longer than a message may be")
	errMalformed = errors.New("not a message")
	errForged    = errors.New("made with another secret, or without one")
)

// encode makes the datagram of a message.
func encode(m message, secret []byte) ([]byte, error) {
	text, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	out := make([]byte, 0, len(head)+macSize+len(text))
	out = append(out, head...)
	out = append(out, mac(text, secret)...)
	out = append(out, text...)
	if len(out) > maxMessage {
		return nil, errOversized
	}
	return out, nil
}

// decode reads a datagram, and refuses what was made with another secret. Without a secret of its own it takes any.
func decode(data, secret []byte) (m message, err error) {
	switch {
	case len(data) > maxMessage:
		return m, errOversized
	case len(data) < len(head)+macSize || !bytes.HasPrefix(data, []byte(head)):
		return m, errMalformed
	}
	given, text := data[len(head):len(head)+macSize], data[len(head)+macSize:]
	if secret != nil && !hmac.Equal(given, mac(text, secret)) {
		return m, errForged
	}
	if err := json.Unmarshal(text, &m); err != nil {
		return m, errMalformed
	}
	return m, m.check()
}

// check finds what no supervisor would say.
func (m message) check() error {
	ok := m.From != "" && m.Session != 0
	switch m.Kind {
	case kindBeat:
		ok = ok && m.Beat != nil && m.Beat.Name == m.From && m.Beat.SentAt > 0 && m.Beat.Ask >= 0
	case kindPromise:
		ok = ok && m.Promise != nil && m.Promise.From == m.From && m.Promise.For > 0
	case kindWho:
		ok = ok && m.Nonce != 0
	default:
		ok = false
	}
	if !ok {
		return errMalformed
	}
	return nil
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
