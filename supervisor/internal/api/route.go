// SPDX-License-Identifier: Apache-2.0

package api

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/agext/levenshtein"
)

// route is what one path answers to. A path is a health check, or has a handler per method.
type route struct {
	check   check
	methods map[string]http.HandlerFunc
	// allow is the value of the Allow header.
	allow string
	// absent tells what this path would be for, if it is not served.
	absent string
}

// table is every path, matched exactly.
func (s *Server) table() map[string]*route {
	routes := make(map[string]*route)
	for path, c := range checks() {
		routes[path] = &route{check: c, allow: "GET, HEAD, OPTIONS"}
	}
	for path, why := range absentees() {
		routes[path] = &route{absent: why}
	}
	for path, methods := range s.documents() {
		routes[path] = &route{methods: methods, allow: allowed(methods)}
	}
	return routes
}

func (s *Server) documents() map[string]map[string]http.HandlerFunc {
	get := func(h http.HandlerFunc) map[string]http.HandlerFunc {
		return map[string]http.HandlerFunc{http.MethodGet: h}
	}
	return map[string]map[string]http.HandlerFunc{
		"/liveness":     {http.MethodGet: s.liveness, http.MethodOptions: s.liveness},
		"/patroni":      get(s.patroni),
		"/cluster":      get(s.cluster),
		"/history":      get(s.history),
		"/config":       {http.MethodGet: s.configuration, http.MethodPatch: s.guarded(s.configure)},
		"/metrics":      get(s.metrics()),
		"/switchover":   {http.MethodPost: s.guarded(s.switchover), http.MethodDelete: s.guarded(s.withdraw)},
		"/failover":     {http.MethodPost: s.guarded(s.failover)},
		"/reinitialize": {http.MethodPost: s.guarded(s.reinitialize)},
		"/v1/status":    get(s.v1Status),
		"/v1/why":       get(s.v1Why),
		"/v1/rules":     get(s.v1Rules),
		"/v1/operation": get(s.v1Operation),
		"/v1/history":   get(s.v1History),
		// What has not been asked for yet is only looked at: reading is free.
		"/v1/switchover": get(s.v1Switchover),
	}
}

// absentees are Patroni's paths that have no counterpart here.
func absentees() map[string]string {
	return map[string]string{
		"/restart":  "restart a member with systemctl or a switchover",
		"/reload":   "read the configuration anew with systemctl restart pgvigil: PostgreSQL does not notice",
		"/failsafe": "there is no failsafe mode",
		"/sigterm":  "stop the supervisor with systemctl stop pgvigil",
		"/citus":    "Citus is not managed",
		"/mpp":      "Citus is not managed",
	}
}

func allowed(methods map[string]http.HandlerFunc) string {
	names := slices.Collect(maps.Keys(methods))
	if slices.Contains(names, http.MethodGet) {
		names = append(names, http.MethodHead)
	}
	names = append(names, http.MethodOptions)
	slices.Sort(names)
	return strings.Join(slices.Compact(names), ", ")
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	rt := s.routes[r.URL.Path]
	switch {
	case rt == nil:
		s.notFound(w, r)
	case rt.check != nil:
		s.health(w, r, rt)
	case rt.absent != "":
		fail(w, http.StatusNotImplemented, fmt.Sprintf("%s is not available in pgvigil: %s", r.URL.Path, rt.absent))
	default:
		serveDocument(w, r, rt)
	}
}

func serveDocument(w http.ResponseWriter, r *http.Request, rt *route) {
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	switch handler := rt.methods[method]; {
	case handler != nil:
		handler(w, r)
	case method == http.MethodOptions:
		w.Header().Set("Allow", rt.allow)
		w.WriteHeader(http.StatusNoContent)
	default:
		methodNotAllowed(w, r, rt)
	}
}

func methodNotAllowed(w http.ResponseWriter, r *http.Request, rt *route) {
	w.Header().Set("Allow", rt.allow)
	fail(w, http.StatusMethodNotAllowed, fmt.Sprintf("%s is not possible on %s: use %s", r.Method, r.URL.Path, rt.allow))
}

// notFound names the paths that may have been meant.
func (s *Server) notFound(w http.ResponseWriter, r *http.Request) {
	near := s.near(r.URL.Path)
	writeJSON(w, http.StatusNotFound, struct {
		Error string   `json:"error"`
		Near  []string `json:"near,omitempty"`
	}{fmt.Sprintf("no such path: %s", clip(r.URL.Path)), near})
}

// near is up to three paths that are spelt much like path, the likeliest first.
func (s *Server) near(path string) []string {
	distance := func(to string) int { return levenshtein.Distance(clip(path), to, nil) }
	var near []string
	for to, rt := range s.routes {
		if rt.absent == "" && distance(to) <= 3 && to != "/" {
			near = append(near, to)
		}
	}
	slices.SortFunc(near, func(a, b string) int {
		return cmp.Or(cmp.Compare(distance(a), distance(b)), strings.Compare(a, b))
	})
	return near[:min(len(near), 3)]
}

// clip bounds what is said again of a stranger's input.
func clip(s string) string {
	const most = 100
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}
