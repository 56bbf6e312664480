// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"
)

// Member is a line of /cluster.
type Member struct {
	Name, Role, State, Host string
	Timeline                int
	// Lag in bytes; a string when it is not known.
	Lag any
}

// Get asks the node's REST interface as a client outside does and returns status code and body.
func (n *Node) Get(ctx context.Context, path string) (int, []byte, error) {
	return n.do(ctx, http.MethodGet, path, nil)
}

// Post sends JSON to the node's REST interface and returns status code and body.
func (n *Node) Post(ctx context.Context, path string, body io.Reader) (int, []byte, error) {
	return n.do(ctx, http.MethodPost, path, body)
}

func (n *Node) do(ctx context.Context, method, path string, body io.Reader) (int, []byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, "http://"+n.API()+path, body)
	if err != nil {
		return 0, nil, err
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
		request.SetBasicAuth(labRole, n.cluster.password)
	}
	response, err := n.cluster.client.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	return response.StatusCode, text, err
}

// IsPrimary tells whether the node's health check says that it is the primary.
func (n *Node) IsPrimary(ctx context.Context) (bool, error) {
	status, _, err := n.Get(ctx, "/primary")
	return status == http.StatusOK, err
}

// Members is the cluster as the node's /cluster shows it.
func (n *Node) Members(ctx context.Context) ([]Member, error) {
	status, body, err := n.Get(ctx, "/cluster")
	if err != nil {
		return nil, err
	}
	if status != http.StatusOK {
		return nil, fmt.Errorf("/cluster of %s: status %d", n.Name, status)
	}
	var answer struct{ Members []Member }
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, fmt.Errorf("/cluster of %s: %w", n.Name, err)
	}
	return answer.Members, nil
}

// Hold is the leadership that a node believes to have.
type Hold struct {
	Valid bool
	Epoch uint64
}

// Status is what the lab wants to know of /v1/status.
type Status struct {
	Hold Hold
	// Message is what PostgreSQL's plugin says about the instance, such as why it does not start.
	Message string
	// Rule and Sentence are the present decision.
	Rule, Sentence string
}

// Status is what the node's supervisor says of itself.
func (n *Node) Status(ctx context.Context) (Status, error) {
	code, body, err := n.Get(ctx, "/v1/status")
	if err != nil {
		return Status{}, err
	}
	if code != http.StatusOK {
		return Status{}, fmt.Errorf("/v1/status of %s: status %d", n.Name, code)
	}
	var answer struct {
		Self struct {
			Hold     Hold
			Postgres struct{ Message string }
		}
		Decision struct{ Rule, Sentence string }
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return Status{}, fmt.Errorf("/v1/status of %s: %w", n.Name, err)
	}
	return Status{answer.Self.Hold, answer.Self.Postgres.Message, answer.Decision.Rule, answer.Decision.Sentence}, nil
}

// Epoch tells under which epoch the node leads now; false when it does not say that it leads.
func (n *Node) Epoch(ctx context.Context) (uint64, bool) {
	status, err := n.Status(ctx)
	return status.Hold.Epoch, err == nil && status.Hold.Valid
}

// Handover is for how long there was no primary, and clients of poolers waited, in the last hand-over that the node saw from
// beginning to end; false as long as that is not over.
func (n *Node) Handover(ctx context.Context) (gap, wait time.Duration, over bool) {
	code, body, err := n.Get(ctx, "/v1/operation")
	if err != nil || code != http.StatusOK {
		return 0, 0, false
	}
	var answer struct {
		Operation struct {
			Handover struct {
				Over bool    `json:"over"`
				Gap  float64 `json:"gap_seconds"`
				Wait float64 `json:"wait_seconds"`
			} `json:"handover"`
		} `json:"operation"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return 0, 0, false
	}
	h := answer.Operation.Handover
	return span(h.Gap), span(h.Wait), h.Over
}

func span(seconds float64) time.Duration { return time.Duration(seconds * float64(time.Second)) }

// Switchover asks the node to give the leadership to another one, or to the best when to is nil.
func (n *Node) Switchover(ctx context.Context, to *Node) error {
	wish := map[string]string{"leader": n.Name}
	if to != nil {
		wish["candidate"] = to.Name
	}
	body, err := json.Marshal(wish)
	if err != nil {
		return err
	}
	code, answer, err := n.Post(ctx, "/switchover", bytes.NewReader(body))
	if err != nil {
		return err
	}
	if code != http.StatusOK && code != http.StatusAccepted {
		return fmt.Errorf("switchover from %s: status %d: %s", n.Name, code, bytes.TrimSpace(answer))
	}
	return nil
}
