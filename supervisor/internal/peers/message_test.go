// SPDX-License-Identifier: Apache-2.0

package peers

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pgvigil/pgvigil/supervisor/internal/core"
)

// samples are one message of each kind.
func samples() []message {
	return []message{
		{Cluster: "/service/demo", From: "a", Session: 1<<64 - 1, Kind: kindBeat, Nonce: 3,
			Beat: &core.Beat{Name: "a", Epoch: 7, Open: true, Gone: true, SentAt: 1 << 62, Ask: core.Second}},
		{Cluster: "/service/demo", From: "b", Session: 2, Kind: kindPromise, To: 9,
			Promise: &core.Promise{From: "b", To: "a", Epoch: 7, SentAt: 5, For: core.Second}},
		{Cluster: "/service/demo", From: "b", Session: 2, Kind: kindWho, Nonce: 1<<64 - 1},
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
			if diff := cmp.Diff(m, got); diff != "" || err != nil {
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
		"no sender":        func(m *message) { m.From = "" },
		"another's":        func(m *message) { m.From = "z" },
		"no session":       func(m *message) { m.Session = 0 },
		"no kind":          func(m *message) { m.Kind = "" },
		"unknown kind":     func(m *message) { m.Kind = "shout" },
		"nothing in it":    func(m *message) { m.Beat, m.Promise, m.Nonce = nil, nil, 0 },
		"never sent":       func(m *message) { m.Beat, m.Promise, m.Nonce = &core.Beat{Name: m.From}, nil, 0 },
		"negative promise": func(m *message) { m.Beat, m.Promise, m.Nonce = nil, &core.Promise{From: m.From, For: -1}, 0 },
	} {
		for _, m := range samples() {
			if m.Kind == kindWho && what == "another's" {
				continue // says nothing of anybody
			}
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
		if m, err := decode(data, nil); err == nil && m.check() != nil {
			t.Errorf("taken: %+v", m)
		}
	})
}
