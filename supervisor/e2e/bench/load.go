// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/pgvigil/pgvigil/supervisor/internal/lab"
)

// load is a way to ask the health check as fast as it answers. The client is plain enough to take less of a core than any
// server does.
type load struct {
	method      string
	connections int
	keep        bool
}

func (l load) run(ctx context.Context, c *lab.Cluster, n *lab.Node, during time.Duration) (*result, error) {
	ctx, cancel := context.WithTimeout(ctx, during)
	defer cancel()
	r := &result{}
	var group sync.WaitGroup
	errs := make([]error, l.connections)
	begin := time.Now()
	for i := range l.connections {
		group.Go(func() { errs[i] = l.connect(ctx, c, n, r) })
	}
	group.Wait()
	r.took = time.Since(begin)
	return r, errors.Join(errs...)
}

// connect runs a client where it need not move to another network for every connection.
func (l load) connect(ctx context.Context, c *lab.Cluster, n *lab.Node, r *result) error {
	if l.keep {
		return l.client(ctx, func() (*client, error) { return dial(ctx, n) }, r)
	}
	return c.AsClient(func() error {
		return l.client(ctx, func() (*client, error) { return dialHere(ctx, n) }, r)
	})
}

func (l load) client(ctx context.Context, dial func() (*client, error), r *result) error {
	var times []time.Duration
	var others int
	defer func() { r.add(times, others) }()
	var c *client
	for ctx.Err() == nil {
		begin := time.Now()
		if c == nil {
			var err error
			if c, err = dial(); err != nil {
				return ended(ctx, err)
			}
		}
		code, err := c.ask(l.method)
		if err != nil {
			return ended(ctx, err)
		}
		times = append(times, time.Since(begin))
		if code != 200 {
			others++
		}
		if !l.keep {
			c.close()
			c = nil
		}
	}
	c.close()
	return nil
}

// ended drops the error of a request that the end of the measurement cut short. Dialling sees the end of the context's
// time a moment before the context itself does.
func ended(ctx context.Context, err error) error {
	deadline, _ := ctx.Deadline()
	if ctx.Err() != nil || !time.Now().Before(deadline) || errors.Is(err, os.ErrDeadlineExceeded) && time.Until(deadline) < time.Second {
		return nil
	}
	return err
}

// probe asks at a gentle, even rate over one connection, which it makes anew when it fails.
func probe(ctx context.Context, n *lab.Node, during time.Duration) (*result, error) {
	ctx, cancel := context.WithTimeout(ctx, during)
	defer cancel()
	r := &result{took: during}
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	c, err := dial(ctx, n)
	if err != nil {
		return nil, err
	}
	defer func() { c.close() }()
	for {
		select {
		case <-ctx.Done():
			return r, nil
		case <-ticker.C:
		}
		begin := time.Now()
		code, err := c.ask("GET")
		if err != nil {
			return r, ended(ctx, err)
		}
		others := 0
		if code != 200 {
			others = 1
		}
		r.add([]time.Duration{time.Since(begin)}, others)
	}
}

// client is one connection.
type client struct {
	conn net.Conn
	in   *bufio.Reader
	host string
}

func dial(ctx context.Context, n *lab.Node) (*client, error) {
	conn, err := n.Dial(ctx, n.API())
	if err != nil {
		return nil, err
	}
	return abrupt(newClient(conn, n.API())), nil
}

func dialHere(ctx context.Context, n *lab.Node) (*client, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", n.API())
	if err != nil {
		return nil, err
	}
	return abrupt(newClient(conn, n.API())), nil
}

// abrupt makes a connection end with a reset, which leaves no port in TIME_WAIT: new ones are made by the thousand.
func abrupt(c *client) *client {
	if tcp, ok := c.conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	return c
}

func newClient(conn net.Conn, host string) *client {
	return &client{conn: conn, in: bufio.NewReader(conn), host: host}
}

func (c *client) close() {
	if c != nil {
		_ = c.conn.Close()
	}
}

// ask sends one request and reads the whole answer.
func (c *client) ask(method string) (code int, err error) {
	if err := c.conn.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return 0, err
	}
	if _, err := io.WriteString(c.conn, method+" /primary HTTP/1.1\r\nHost: "+c.host+"\r\n\r\n"); err != nil {
		return 0, err
	}
	length := 0
	for first := true; ; first = false {
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			return 0, err
		}
		switch line = bytes.TrimRight(line, "\r\n"); {
		case first && len(line) >= 12:
			if code, err = strconv.Atoi(string(line[9:12])); err != nil {
				return 0, fmt.Errorf("status line %q: %w", line, err)
			}
		case len(line) == 0:
			_, err := c.in.Discard(length)
			return code, err
		case len(line) > 15 && bytes.EqualFold(line[:15], []byte("Content-Length:")):
			if length, err = strconv.Atoi(string(bytes.TrimSpace(line[15:]))); err != nil {
				return 0, fmt.Errorf("header %q: %w", line, err)
			}
		}
	}
}
