// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
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
