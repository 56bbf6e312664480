// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"syscall"
	"time"

	"github.com/pgvigil/pgvigil/supervisor/internal/api"
)

const (
	dialTimeout   = 2 * time.Second
	answerTimeout = 10 * time.Second
	// maxAnswer bounds what is read of an answer.
	maxAnswer = 16 << 20
)

// client asks supervisors: the first endpoint that answers, and once their members are known, those too.
type client struct {
	// source says where the endpoints come from, for error messages.
	source             string
	username, password string
	endpoints          []*url.URL
	http               *http.Client
}

func newClient(source string) *client { return &client{source: source} }

func (c *client) secure(settings *tls.Config) {
	c.http = &http.Client{Timeout: answerTimeout, Transport: &http.Transport{
		DialContext:     (&net.Dialer{Timeout: dialTimeout}).DialContext,
		TLSClientConfig: settings,
		Proxy:           nil,
	}}
}

func (c *client) add(text string) error {
	u, err := parseEndpoint(text)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(c.endpoints, func(e *url.URL) bool { return e.Host == u.Host }) {
		c.endpoints = append(c.endpoints, u)
	}
	return nil
}

// status asks for /v1/status, and learns of the other members from it.
func (c *client) status(ctx context.Context) (*api.Status, error) {
	var s api.Status
	if err := c.get(ctx, "/v1/status", &s); err != nil {
		return nil, err
	}
	for _, m := range s.Members {
		// A member that does not say where it is cannot be asked; the others can.
		if err := c.add(m.API); err != nil {
			continue
		}
	}
	return &s, nil
}

// at is a client of one endpoint only.
func (c *client) at(endpoint string) (*client, error) {
	only := *c
	only.endpoints, only.source = nil, "from the member's record in the DCS"
	return &only, only.add(endpoint)
}

// get asks one endpoint after the other until one answers.
func (c *client) get(ctx context.Context, path string, into any) error {
	return c.each(ctx, func(e *url.URL) error { return c.ask(ctx, e, http.MethodGet, path, nil, into) }, isSilence)
}

// send asks for a change. Another endpoint is tried only if nothing can have reached the one before.
func (c *client) send(ctx context.Context, method, path string, body, into any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("request: %w", err)
	}
	return c.each(ctx, func(e *url.URL) error { return c.ask(ctx, e, method, path, text, into) }, isUnreached)
}

// each tries the endpoints as long as the errors are such that the next may do better. The one that answered is
// asked first from then on. The errors of all that were tried are returned.
func (c *client) each(ctx context.Context, try func(*url.URL) error, more func(error) bool) error {
	var errs []error
	for i, e := range slices.Clone(c.endpoints) {
		err := try(e)
		if err == nil {
			c.endpoints = slices.Insert(slices.Delete(c.endpoints, i, i+1), 0, e)
			return nil
		}
		errs = append(errs, err)
		if !more(err) || ctx.Err() != nil {
			break
		}
	}
	return errors.Join(errs...)
}

func (c *client) ask(ctx context.Context, e *url.URL, method, path string, body []byte, into any) error {
	request, err := http.NewRequestWithContext(ctx, method, e.String()+path, bytes.NewReader(body))
	if err != nil {
		return usage("endpoint %s: %w", e.Redacted(), err)
	}
	if c.username != "" {
		request.SetBasicAuth(c.username, c.password)
	}
	answer, err := c.http.Do(request)
	if err != nil {
		return c.explain(e, err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err != nil {
		return c.explain(e, err)
	}
	if answer.StatusCode >= 300 {
		return statusError(e, answer.StatusCode, text)
	}
	if err := json.Unmarshal(text, into); err != nil {
		return failf(ExitError, "%s does not answer like a supervisor: %w", e.Host, err)
	}
	return nil
}

// unanswered is an endpoint that gave no answer; reached tells that the request may have got there.
type unanswered struct {
	text    string
	reached bool
}

func (u *unanswered) Error() string { return u.text }

func isSilence(err error) bool { return errors.As(err, new(*unanswered)) }

func isUnreached(err error) bool {
	u := new(unanswered)
	return errors.As(err, &u) && !u.reached
}

// explain tells in the operator's words why there is no answer, and what to look at.
func (c *client) explain(e *url.URL, err error) error {
	var dial *net.OpError
	reached := !errors.As(err, &dial) || dial.Op != "dial"
	var timeout net.Error
	var text string
	switch {
	case errors.Is(err, context.Canceled):
		return failf(ExitError, "interrupted")
	case errors.Is(err, syscall.ECONNREFUSED):
		text = fmt.Sprintf("%s refuses connections (%s): is pgvigild running there? Try: systemctl status pgvigild", e.Host, c.source)
	case errors.As(err, &timeout) && timeout.Timeout() && !reached:
		text = fmt.Sprintf("%s cannot be reached within %s (%s): is the host up, and is its port open?", e.Host, dialTimeout, c.source)
	case errors.As(err, &timeout) && timeout.Timeout():
		text = fmt.Sprintf("%s does not answer within %s (%s)", e.Host, answerTimeout, c.source)
	case isCertificate(err):
		text = fmt.Sprintf("%s: %v (give --ca-file)", e.Host, errors.Unwrap(err))
	default:
		text = fmt.Sprintf("%s: %v (%s)", e.Host, errors.Unwrap(err), c.source)
	}
	return &unanswered{text, reached}
}

func isCertificate(err error) bool { return errors.As(err, new(*tls.CertificateVerificationError)) }

// statusError is what a supervisor says when it declines.
func statusError(e *url.URL, status int, text []byte) error {
	var said api.Error
	if err := json.Unmarshal(text, &said); err != nil || said.Error == "" {
		return failf(ExitError, "%s answered %d %s", e.Host, status, http.StatusText(status))
	}
	return failf(codeOfStatus(status), "%s: %s", e.Host, said.Error)
}
