// SPDX-License-Identifier: Apache-2.0

package sdk

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
)

// check tells everything that keeps a Plugin from being served, all at once.
func (p Plugin) check() error {
	var all []error
	if !regexp.MustCompile(`^[a-z][a-z0-9_-]{0,31}$`).MatchString(p.Name) {
		all = append(all, fmt.Errorf("name %q: not up to 32 lower-case letters, digits, - and _ after a letter", p.Name))
	}
	if !regexp.MustCompile(`^\d+\.\d+\.\d+([-+][0-9A-Za-z.+-]+)?$`).MatchString(p.Version) {
		all = append(all, fmt.Errorf("version %q: not a semantic version such as 1.0.0", p.Version))
	}
	if p.Configure == nil {
		all = append(all, errors.New("no Configure function"))
	}
	if p.kind() == pluginv1.Kind_KIND_UNSPECIFIED {
		all = append(all, errors.New("not exactly one of DCS, Postgres and Router is set"))
	} else {
		all = append(all, checkCapabilities(kindName(p.kind()), p.Capabilities))
	}
	all = append(all, CheckSchema(p.Schema))
	return errors.Join(all...)
}

// checkCapabilities wants at least one, each once, each "kind.verb" of the plugin's own kind.
func checkCapabilities(kind string, caps []string) error {
	if len(caps) == 0 {
		return errors.New("no capabilities")
	}
	seen := map[string]bool{}
	for _, c := range caps {
		verb, ok := strings.CutPrefix(c, kind+".")
		if !ok || verb == "" || strings.ToLower(verb) != verb {
			return fmt.Errorf("capability %q: not %q and a lower-case verb", c, kind+".")
		}
		if seen[c] {
			return fmt.Errorf("capability %q: listed twice", c)
		}
		seen[c] = true
	}
	return nil
}
