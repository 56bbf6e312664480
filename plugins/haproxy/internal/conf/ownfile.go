// SPDX-License-Identifier: Apache-2.0

package conf

import (
	"net/url"
	"path/filepath"
	"strconv"

	"github.com/pgvigil/pgvigil/plugins/haproxy/internal/ownfile"
)

// OwnFile is the file to keep; nil for none. It is written in the run directory first, to be checked.
func (b Body) OwnFile(runDir string) *ownfile.Config {
	f := b.ConfigFile
	if f == nil {
		return nil
	}
	sections := []ownfile.Section{{Name: b.PrimaryBackend, Bind: f.PrimaryBind, Check: "/primary", Cut: b.CutPrimary, Impatient: true}}
	if b.ReplicaBackend != "" {
		reads := ownfile.Section{Name: b.ReplicaBackend, Bind: f.ReplicaBind, Check: b.replicaCheck(), Cut: b.CutReplica}
		sections = append(sections, reads)
	}
	return &ownfile.Config{
		Sections: sections, Server: f.Server,
		Path: f.Path, Candidate: filepath.Join(runDir, "candidate.cfg"),
		Main: f.Main, Program: f.Program, Reload: f.Reload, Masters: b.MasterSockets,
	}
}

// replicaCheck asks for what the plugin wants of a replica.
func (b Body) replicaCheck() string {
	filter := url.Values{}
	if b.MaxLag != nil {
		filter.Set("lag", strconv.FormatUint(*b.MaxLag, 10))
	}
	for tag, value := range b.Tags {
		filter.Set("tag_"+tag, value)
	}
	return (&url.URL{Path: "/replica", RawQuery: filter.Encode()}).String()
}
