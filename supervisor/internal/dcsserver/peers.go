// SPDX-License-Identifier: Apache-2.0

package dcsserver

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"

	"go.etcd.io/etcd/client/pkg/v3/transport"
)

// place is how the other members see a member that has no data.
type place int

const (
	// founder: nobody answers, or those who do expect it for the first time.
	founder place = iota
	// lost: it has served before.
	lost
	// admitted: it was added to the running cluster and has never served.
	admitted
	// absent: the cluster runs without it.
	absent
)

// peerEntry is a member as etcd's peer interface lists it.
type peerEntry struct {
	Name       string   `json:"name"`
	PeerURLs   []string `json:"peerURLs"`
	ClientURLs []string `json:"clientURLs"`
}

// standing makes one verdict of several views. Views may be behind; what one has seen has happened.
func standing(c Config, views [][]peerEntry) place {
	verdict := founder
	for _, view := range views {
		verdict = max(verdict, placeIn(c, view))
		if placeIn(c, view) == lost {
			return lost
		}
	}
	return verdict
}

func placeIn(c Config, view []peerEntry) place {
	for _, m := range view {
		switch {
		case m.Name != c.Name && !slices.Contains(m.PeerURLs, c.Members[c.Name]):
			continue
		case len(m.ClientURLs) > 0:
			return lost
		case m.Name == "":
			return admitted
		}
		return founder
	}
	return absent
}

// askPeers asks all other members for their view. It needs neither a quorum nor a leader; those that do not
// answer in time, or know of nobody, are left out.
func askPeers(ctx context.Context, c Config) [][]peerEntry {
	ctx, cancel := context.WithTimeout(ctx, questionLimit)
	defer cancel()
	info := c.PeerTLS.info()
	rt, err := transport.NewTransport(info, questionLimit)
	if err != nil {
		return nil // etcd complains about the files in a moment
	}
	defer rt.CloseIdleConnections()
	var mu sync.Mutex
	var views [][]peerEntry
	var wg sync.WaitGroup
	for name, peer := range c.Members {
		if name == c.Name {
			continue
		}
		wg.Go(func() {
			if view, err := askPeer(ctx, rt, peer); err == nil && len(view) > 0 {
				mu.Lock()
				defer mu.Unlock()
				views = append(views, view)
			}
		})
	}
	wg.Wait()
	return views
}

func askPeer(ctx context.Context, rt http.RoundTripper, peer string) ([]peerEntry, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, peer+"/members", nil)
	if err != nil {
		return nil, err
	}
	resp, err := rt.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("members of %s: %s", peer, resp.Status)
	}
	var view []peerEntry
	if err := json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&view); err != nil {
		return nil, fmt.Errorf("members of %s: %w", peer, err)
	}
	return view, nil
}
