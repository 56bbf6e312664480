// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"
	"maps"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/pgvigil/pgvigil/supervisor/internal/api"
	"github.com/pgvigil/pgvigil/supervisor/internal/render"
)

// members are the members that the supervisor knows, or else this one, and those given with --member, which win. Their
// order is that of their names.
func (r *rendering) members(ctx context.Context) ([]render.Member, error) {
	all := map[string]render.Member{}
	if err := r.ask(ctx, all); err != nil {
		return nil, err
	}
	for _, text := range r.named {
		m, err := r.parse(text)
		if err != nil {
			return nil, err
		}
		all[m.Name] = m
	}
	for _, m := range all {
		for _, word := range []string{m.Name, m.Host, m.APIHost} {
			if !configurable.MatchString(word) {
				return nil, failf(ExitError, "member %q: %q cannot stand in a configuration", m.Name, word)
			}
		}
	}
	return slices.SortedFunc(maps.Values(all), func(a, b render.Member) int { return strings.Compare(a.Name, b.Name) }), nil
}

// configurable is what names and addresses look like.
var configurable = regexp.MustCompile(`^[A-Za-z0-9._:-]+$`)

// ask adds the members that the supervisor knows. Without an answer it adds this one, and somebody must have named others.
func (r *rendering) ask(ctx context.Context, all map[string]render.Member) error {
	client, err := r.app.client()
	if err != nil {
		return err
	}
	s, err := client.status(ctx)
	switch {
	case err == nil:
		return r.take(s, all)
	case len(r.named) == 0:
		return failf(codeOf(err), "%w\nWithout a supervisor, name the members: --member NAME=HOST for each", err)
	}
	fmt.Fprintf(r.app.Err, "pgvigil: %v: only the members that were named, and this one, are in it\n", err)
	if own := r.cfg.Server; own.Host != "" {
		m := render.Member{Name: r.cfg.Cluster.Member, Host: own.Host, Port: own.Port}
		m.APIHost, m.APIPort = r.api()
		all[m.Name] = m
	}
	return nil
}

// take adds the members of a status.
func (r *rendering) take(s *api.Status, all map[string]render.Member) error {
	if s.Cluster.Name != r.cfg.Cluster.Name {
		return usage("the supervisor that answers is of cluster %q, the configuration of %q: give --config or --endpoint to have both of one",
			s.Cluster.Name, r.cfg.Cluster.Name)
	}
	for _, m := range s.Members {
		u, err := parseEndpoint(m.API)
		if err != nil {
			return failf(ExitError, "member %s does not say where its REST interface is: %w", m.Name, err)
		}
		port, err := strconv.ParseUint(u.Port(), 10, 16)
		if err != nil {
			return failf(ExitError, "REST interface of member %s: %w", m.Name, err)
		}
		all[m.Name] = render.Member{Name: m.Name, Host: m.Host, Port: m.Port, APIHost: u.Hostname(), APIPort: uint16(port)}
	}
	return nil
}

// parse reads a member as NAME=HOST or NAME=HOST:PORT. Its REST interface has the port that it has here.
func (r *rendering) parse(text string) (render.Member, error) {
	name, host, ok := strings.Cut(text, "=")
	port := "5432"
	if h, p, err := net.SplitHostPort(host); err == nil {
		host, port = h, p
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if !ok || err != nil || n == 0 || !configurable.MatchString(name) || !configurable.MatchString(host) {
		return render.Member{}, usage("--member %q: want NAME=HOST or NAME=HOST:PORT, such as mdw=10.0.0.1", text)
	}
	_, apiPort := r.api()
	return render.Member{Name: name, Host: host, Port: uint16(n), APIHost: host, APIPort: apiPort}, nil
}

// api is where this host's REST interface is.
func (r *rendering) api() (host string, port uint16) {
	host, text, err := net.SplitHostPort(r.cfg.API.Connect)
	n, _ := strconv.ParseUint(text, 10, 16)
	if err != nil || n == 0 {
		return r.cfg.Server.Host, 8008 // the configuration was checked: it has a port
	}
	return host, uint16(n)
}

// self is the member on whose host the configuration will be.
func (r *rendering) self(members []render.Member) (render.Member, error) {
	name := r.host
	if name == "" {
		name = r.cfg.Cluster.Member
	}
	var names []string
	for _, m := range members {
		if m.Name == name {
			return m, nil
		}
		names = append(names, m.Name)
	}
	return render.Member{}, usage("there is no member %q: give --for with one of %s", name, strings.Join(names, ", "))
}
