// SPDX-License-Identifier: Apache-2.0

package api

import (
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/http"
	"net/netip"
)

// Auth says who may change something. Reading is free for all, except that VerifyRequired asks everybody for a
// certificate. The zero value lets in callers on this host only.
type Auth struct {
	// Username is asked for by HTTP basic authentication; empty does not ask.
	Username string
	// Password gives the password that goes with it, for each request anew.
	Password func() (string, error)
	// Verify asks for a client certificate; it needs TLS with a ClientCAFile.
	Verify Verify
}

// Verify is who must show a client certificate. Empty is VerifyNone.
type Verify string

// The choices: nobody, who changes something, everybody.
const (
	VerifyNone     Verify = "none"
	VerifyOptional Verify = "optional"
	VerifyRequired Verify = "required"
)

func (v Verify) asks() bool { return v != "" && v != VerifyNone }

// guarded lets a request that changes something pass only from whom Auth trusts.
func (s *Server) guarded(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if f := s.config.Auth.refuse(r); f != nil {
			if f.code == http.StatusUnauthorized {
				w.Header().Set("WWW-Authenticate", `Basic realm="pgvigil", charset="UTF-8"`)
			}
			f.write(w)
			return
		}
		next(w, r)
	}
}

// refuse tells why a caller may not change anything; nil if it may.
func (a Auth) refuse(r *http.Request) *failure {
	asks := a.Username != "" || a.Verify.asks()
	switch {
	case fromBrowser(r):
		return &failure{code: http.StatusForbidden, reason: "requests out of web pages are refused"}
	case a.Username != "":
		if f := a.authenticate(r); f != nil {
			return f
		}
	}
	switch {
	case a.Verify.asks() && !certified(r):
		return &failure{code: http.StatusForbidden, reason: "a client certificate is required"}
	case !asks && !local(r):
		return &failure{code: http.StatusForbidden, reason: "without authentication configured (api block), changes are accepted from this host only"}
	}
	return nil
}

// fromBrowser recognises what a page in a browser sends: a forged request would come with the trust of its host.
func fromBrowser(r *http.Request) bool {
	return r.Header.Get("Origin") != "" || r.Header.Get("Sec-Fetch-Site") != ""
}

// authenticate compares in constant time, whatever the lengths.
func (a Auth) authenticate(r *http.Request) *failure {
	wanted, err := a.Password()
	if err != nil || wanted == "" {
		return &failure{code: http.StatusServiceUnavailable, reason: "the password to compare with cannot be read on this host"}
	}
	username, password, ok := r.BasicAuth()
	if !ok || equal(username, a.Username)&equal(password, wanted) != 1 {
		return &failure{code: http.StatusUnauthorized, reason: "user name and password are required, and those given are missing or wrong"}
	}
	return nil
}

func equal(a, b string) int {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:])
}

func certified(r *http.Request) bool { return r.TLS != nil && len(r.TLS.VerifiedChains) > 0 }

// local tells whether the caller is on this host: on loopback, or with the address it called as its own, which the
// kernel accepts from no other host.
func local(r *http.Request) bool {
	remote, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return false
	}
	from := remote.Addr().Unmap().WithZone("")
	if from.IsLoopback() {
		return true
	}
	here, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	return ok && here.AddrPort().Addr().Unmap().WithZone("") == from
}

// caller names who asks, for the record.
func caller(r *http.Request) string {
	from, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		from = r.RemoteAddr
	}
	switch name, _, ok := r.BasicAuth(); {
	case ok && name != "":
		return clip(name) + "@" + from
	case certified(r):
		return clip(r.TLS.VerifiedChains[0][0].Subject.CommonName) + "@" + from
	}
	return from
}
