// SPDX-License-Identifier: Apache-2.0

package peers

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
)

// samples are one message of each kind.
func samples() []message {
	return []message{
		{cluster: "/service/demo", from: "a", session: 1<<64 - 1, kind: kindBeat, nonce: 3,
			beat: core.Beat{Name: "a", Epoch: 7, Open: true, SentAt: 1 << 62, Ask: core.Second}},
		{cluster: "/service/demo", from: "a", session: 1, kind: kindBeat, beat: core.Beat{Name: "a", Epoch: 1<<64 - 1, Gone: true, SentAt: 1}},
		{cluster: "/service/demo", from: "b", session: 2, kind: kindPromise, to: 9,
			promise: core.Promise{From: "b", To: "a", Epoch: 7, SentAt: 5, For: core.Second}},
		{cluster: "/service/demo", from: "b", session: 2, kind: kindWho, nonce: 1<<64 - 1},
	}
}

// Ensure every message comes back as it was, whether or not it carries a MAC.
func TestRoundTrip(t *testing.T) {
	for _, secret := range [][]byte{nil, []byte(secret)} {
		for _, m := range samples() {
			data, err := encode(m, secret)
			if err != nil {
				t.Fatal(err)
			}
			got, err := decode(data, secret)
			if diff := cmp.Diff(m, got, cmp.AllowUnexported(message{})); diff != "" || err != nil {
				t.Errorf("error %v\n%s", err, diff)
			}
		}
	}
}

// Ensure every bit of a datagram counts.
func TestEveryBitIsAuthenticated(t *testing.T) {
	for _, m := range samples() {
		data, err := encode(m, []byte(secret))
		if err != nil {
			t.Fatal(err)
		}
		for i := range len(data) * 8 {
			data[i/8] ^= 1 << (i % 8)
			if _, err := decode(data, []byte(secret)); !errors.Is(err, errForged) && !errors.Is(err, errMalformed) {
				t.Fatalf("bit %d turned: error %v", i, err)
			}
			data[i/8] ^= 1 << (i % 8)
		}
		if _, err := decode(data[:len(data)-1], []byte(secret)); !errors.Is(err, errForged) {
			t.Errorf("cut off: error %v", err)
		}
	}
}

// Ensure a member with a secret takes nothing from one without.
func TestNoMAC(t *testing.T) {
	data, err := encode(samples()[0], nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := decode(data, []byte(secret)); !errors.Is(err, errForged) {
		t.Errorf("error %v", err)
	}
}

// Ensure what no supervisor would say is refused, though its MAC is right.
func TestSenseless(t *testing.T) {
	for what, spoil := range map[string]func(*message){
		"no sender":        func(m *message) { m.from = "" },
		"no session":       func(m *message) { m.session = 0 },
		"no kind":          func(m *message) { m.kind = 0 },
		"unknown kind":     func(m *message) { m.kind = 200 },
		"no nonce":         func(m *message) { m.kind, m.nonce = kindWho, 0 },
		"never sent":       func(m *message) { m.kind, m.beat.SentAt = kindBeat, 0 },
		"negative":         func(m *message) { m.kind, m.beat.SentAt, m.beat.Ask = kindBeat, 1, -1 },
		"negative promise": func(m *message) { m.kind, m.promise.SentAt, m.promise.For = kindPromise, 1, -1 },
	} {
		for _, m := range samples() {
			spoil(&m)
			data, err := encode(m, []byte(secret))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := decode(data, []byte(secret)); !errors.Is(err, errMalformed) {
				t.Errorf("%s in %+v: error %v", what, m, err)
			}
		}
	}
}

// Ensure a message that is cut off is refused, and what a later version adds is ignored.
func TestLength(t *testing.T) {
	for _, m := range samples() {
		data, err := encode(m, nil)
		if err != nil {
			t.Fatal(err)
		}
		for n := range len(data) {
			if _, err := decode(data[:n], nil); !errors.Is(err, errMalformed) {
				t.Errorf("%d bytes of %d: error %v", n, len(data), err)
			}
		}
		got, err := decode(append(data, "more"...), nil)
		if diff := cmp.Diff(m, got, cmp.AllowUnexported(message{})); diff != "" || err != nil {
			t.Errorf("error %v\n%s", err, diff)
		}
	}
	if _, err := encode(message{kind: kindWho, cluster: strings.Repeat("x", maxMessage)}, nil); !errors.Is(err, errOversized) {
		t.Errorf("error %v", err)
	}
}

// Ensure no datagram makes the decoder fall.
func FuzzDecode(f *testing.F) {
	for _, m := range samples() {
		data, err := encode(m, nil)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if m, err := decode(data, nil); err == nil && !m.sensible() {
			t.Errorf("taken: %+v", m)
		}
	})
}
