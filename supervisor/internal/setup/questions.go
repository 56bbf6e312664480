// SPDX-License-Identifier: Apache-2.0

package setup

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/pgvigil/pgvigil/supervisor/internal/config"
	"github.com/pgvigil/pgvigil/supervisor/internal/pgbin"
)

const (
	none     = "none"
	embedded = "embedded"
)

// questions are in the order in which they are asked.
func (i *Interview) questions() []question {
	return slices.Concat(i.aboutMembers(), i.aboutPostgres(), i.aboutEtcd(), i.aboutAccess())
}

func (i *Interview) aboutMembers() []question {
	return []question{{
		flag:  "cluster",
		usage: "name of the cluster, the same on all hosts",
		ask:   "Name of the cluster", take: i.takeCluster,
	}, {
		flag:  "member",
		usage: "name of this member (default: the one in --members with an address of this host, else the host's name)",
		ask:   "Name of this member", propose: i.proposeMember, take: i.takeMember,
	}, {
		flag:    "address",
		usage:   "address of this host, at which the others reach it (default: as in --members, else the only one)",
		ask:     "Address of this host, at which the others reach it",
		propose: i.proposeAddress, must: i.ambiguous, take: i.takeAddress,
	}, {
		flag:    "members",
		usage:   `all members as NAME=ADDRESS, separated by commas, the same on all hosts; or "none" but this one`,
		ask:     "The other members as NAME=ADDRESS, separated by commas",
		propose: func() string { return none }, must: always, take: i.takeMembers,
	}}
}

func (i *Interview) aboutPostgres() []question {
	return []question{{
		flag:  "pg-bin",
		usage: "directory of PostgreSQL's programs (default: the newest version found)",
		ask:   "Directory of PostgreSQL's programs", propose: i.proposePostgres, take: i.takePostgres,
	}, {
		flag:  "data-dir",
		usage: "PostgreSQL's data directory (default: where the distribution has it)",
		ask:   "Data directory", propose: i.proposeDataDir, take: i.takeDataDir,
	}, {
		flag:    "durability",
		usage:   "quorum: a commit waits for a standby, and none is lost; or async (default: quorum with three members)",
		ask:     "Durability: quorum (a commit waits for a standby, and none is lost) or async",
		propose: i.proposeDurability, take: i.takeDurability,
	}}
}

func (i *Interview) aboutEtcd() []question {
	return []question{{
		flag:    "etcd",
		usage:   `"embedded", and pgvigil runs etcd on the members; or the URLs of one that is there, separated by commas`,
		ask:     `etcd: "embedded" has pgvigil run it on the members; or its URLs, separated by commas`,
		propose: func() string { return embedded }, must: always, take: i.takeEtcd,
	}}
}

func (i *Interview) aboutAccess() []question {
	return []question{{
		flag:   "clients",
		usage:  "network from which clients may connect, such as 10.0.0.0/24 (default: the one of the address)",
		ask:    "Network from which clients may connect",
		needed: func() bool { return i.Plan.Address.IsValid() }, propose: i.proposeClients, take: i.takeClients,
	}, {
		flag:   "routers",
		usage:  `what is to follow the primary: haproxy, keepalived, pgbouncer, separated by commas (default: "none")`,
		ask:    "What is to follow the primary, separated by commas, or none",
		needed: func() bool { return len(i.Host.Routers) > 0 }, propose: i.proposeRouters, take: i.takeRouters,
	}, {
		flag:   "vip",
		usage:  "virtual address for Keepalived",
		ask:    "Virtual address for Keepalived",
		needed: func() bool { return i.Plan.Has(Keepalived) }, take: i.takeVIP,
	}, {
		flag:    "api-user",
		usage:   `name asked for, with a password, before the REST interface changes anything; or "none" (default: pgvigil)`,
		ask:     "Name asked for, with a password, before the REST interface changes anything, or none",
		propose: func() string { return "pgvigil" }, take: i.takeAPIUser,
	}, {
		flag:   "secrets",
		usage:  `"new" has passwords made, on the first host; on the others the directory with copies of the first host's`,
		ask:    `Passwords: "new" on the first host, on the others the directory with copies of the first host's`,
		needed: i.lacksSecrets, propose: i.proposeSecrets, take: i.takeSecrets,
	}}
}

func always() bool { return true }

func named(what, s string) error {
	if !config.ValidName(s) {
		return fmt.Errorf("%q is no name for %s. %s", s, what, strings.TrimSuffix(config.NameRule, "."))
	}
	return nil
}

func memberName(s string) error {
	if lower := strings.ToLower(s); lower != s {
		return fmt.Errorf("a member's name has no upper-case letters: %s", lower)
	}
	return named("a member", s)
}

func oneOf(s string, words ...string) error {
	if !slices.Contains(words, s) {
		return fmt.Errorf("want %s", strings.Join(words, " or "))
	}
	return nil
}

func split(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' })
}

func (i *Interview) takeCluster(s string) error {
	i.Plan.Cluster = s
	return named("a cluster", s)
}

func (i *Interview) takeMember(s string) error {
	i.Plan.Member = s
	return memberName(s)
}

// proposeMember is the member whose address this host has, else the host's name.
func (i *Interview) proposeMember() string {
	for _, name := range i.Plan.Names() {
		if i.Host.has(i.Plan.Members[name]) {
			return name
		}
	}
	return i.Host.Name
}

// proposeAddress is that of the members' list, else the first that others can use.
func (i *Interview) proposeAddress() string {
	if a, there := i.Plan.Members[i.Plan.Member]; there {
		return a.String()
	}
	found := i.Host.reachable()
	if len(found) == 0 {
		return ""
	}
	if i.In != nil && len(found) > 1 {
		fmt.Fprintf(i.Out, "Addresses of this host: %s\n", list(found))
	}
	return found[0].Addr().String()
}

// ambiguous tells that there is a choice of addresses.
func (i *Interview) ambiguous() bool {
	_, listed := i.Plan.Members[i.Plan.Member]
	return !listed && (len(i.Plan.Members) > 0 || len(i.Host.reachable()) > 1)
}

func (i *Interview) takeAddress(s string) (err error) {
	p := i.Plan
	if p.Address, err = netip.ParseAddr(s); err != nil {
		return err
	}
	if !i.Elsewhere && !i.Host.has(p.Address) {
		return fmt.Errorf("no interface of this host has %s; it has %s", p.Address, list(i.Host.Addresses))
	}
	return nil
}

// takeMembers reads the list; this member may be in it or not.
func (i *Interview) takeMembers(s string) error {
	members := map[string]netip.Addr{}
	items := split(s)
	switch {
	case s == none:
		items = nil
	case len(items) == 0:
		return errors.New(`want NAME=ADDRESS of each, or "none"`)
	}
	for _, item := range items {
		name, address, ok := strings.Cut(item, "=")
		if !ok {
			return fmt.Errorf("%q: want NAME=ADDRESS, such as standby=10.0.0.2", item)
		}
		if err := memberName(name); err != nil {
			return err
		}
		a, err := netip.ParseAddr(address)
		if err != nil {
			return err
		}
		if _, twice := members[name]; twice || slices.Contains(slices.Collect(maps.Values(members)), a) {
			return fmt.Errorf("%s stands twice, by name or address", item)
		}
		members[name] = a
	}
	if err := i.fits(members); err != nil {
		return err
	}
	i.Plan.Members = members
	return nil
}

// fits tells, by an error, why this member has no place among the members.
func (i *Interview) fits(members map[string]netip.Addr) error {
	p := i.Plan
	for name, a := range members {
		if p.Address.IsValid() && p.Member != "" && (name == p.Member) != (a == p.Address) {
			return fmt.Errorf("this member is %s=%s, and %s=%s is listed", p.Member, p.Address, name, a)
		}
	}
	return nil
}

func (i *Interview) proposePostgres() string {
	if len(i.Host.Postgres) == 0 {
		return ""
	}
	return i.Host.Postgres[0].Bin
}

func (i *Interview) takePostgres(s string) error {
	found, err := pgbin.Inspect(context.Background(), s)
	i.Plan.PGBin = found.Bin
	return err
}

// proposeDataDir is where the distribution has it; where another database cluster lies there, beside it.
func (i *Interview) proposeDataDir() string {
	parent := filepath.Dir(i.Plan.PGBin)
	version := strings.TrimPrefix(filepath.Base(parent), "pgsql-")
	base, usual := filepath.Join("/var/lib/pgsql", version), "data"
	switch _, err := strconv.Atoi(version); {
	case err != nil:
		base = "/var/lib/pgsql"
	case strings.HasPrefix(parent, "/usr/lib/postgresql/"):
		base, usual = filepath.Join("/var/lib/postgresql", version), "main"
	}
	if dir := filepath.Join(base, usual); vacant(dir) {
		return dir
	}
	return filepath.Join(base, i.Plan.Cluster)
}

func (i *Interview) takeDataDir(s string) error {
	if i.Plan.DataDir = filepath.Clean(s); !filepath.IsAbs(s) {
		return errors.New("want an absolute path")
	}
	return nil
}

func vacant(dir string) bool {
	entries, _ := os.ReadDir(dir)
	return len(entries) == 0
}

func (i *Interview) proposeDurability() string {
	if i.count() >= 3 {
		return config.DurabilityQuorum
	}
	return config.DurabilityAsync
}

func (i *Interview) takeDurability(s string) error {
	i.Plan.Quorum = s == config.DurabilityQuorum
	return oneOf(s, config.DurabilityQuorum, config.DurabilityAsync)
}

// count is how many members there are, this one included.
func (i *Interview) count() int {
	n := len(i.Plan.Members)
	if _, listed := i.Plan.Members[i.Plan.Member]; !listed {
		n++
	}
	return n
}

var errEtcd = errors.New(`want "embedded" or URLs such as http://10.0.0.1:2379`)

func (i *Interview) takeEtcd(s string) error {
	if s == embedded {
		i.Plan.Endpoints = nil
		return nil
	}
	endpoints := split(s)
	if len(endpoints) == 0 {
		return errEtcd
	}
	for _, e := range endpoints {
		u, err := url.Parse(e)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Port() == "" || strings.Trim(u.Path, "/") != "" {
			return fmt.Errorf("%q: %w", e, errEtcd)
		}
	}
	i.Plan.Endpoints = endpoints
	return nil
}

func (i *Interview) proposeClients() string {
	network, known := i.Host.network(i.Plan.Address)
	if !known {
		return ""
	}
	return network.String()
}

func (i *Interview) takeClients(s string) (err error) {
	i.Plan.Clients, err = netip.ParsePrefix(s)
	return err
}

func (i *Interview) proposeRouters() string {
	if i.In == nil {
		return none
	}
	return strings.Join(i.Host.Routers, ",")
}

func (i *Interview) takeRouters(s string) error {
	i.Plan.Routers = nil
	if s == none {
		return nil
	}
	for _, router := range split(s) {
		if err := oneOf(router, append(slices.Clone(routers), none)...); err != nil {
			return err
		}
		if !i.Elsewhere && !slices.Contains(i.Host.Routers, router) {
			return fmt.Errorf("%s is not installed on this host: install it, or leave it out", router)
		}
		i.Plan.Routers = append(i.Plan.Routers, router)
	}
	return nil
}

func (i *Interview) takeVIP(s string) (err error) {
	i.Plan.VIP, err = netip.ParseAddr(s)
	return err
}

func (i *Interview) takeAPIUser(s string) error {
	switch i.Plan.APIUser = s; s {
	case "":
		return errors.New("want a name, or none")
	case none:
		i.Plan.APIUser = ""
	}
	return nil
}

// lacksSecrets tells whether a file is not in place yet.
func (i *Interview) lacksSecrets() bool {
	return slices.ContainsFunc(i.Plan.Secrets(), func(name string) bool { return !i.Present(name) })
}

func (i *Interview) proposeSecrets() string {
	if i.Plan.Members != nil && i.count() == 1 {
		return New
	}
	return ""
}

func (i *Interview) takeSecrets(s string) error {
	if i.Secrets = s; s != New && !filepath.IsAbs(s) {
		return errors.New(`want "new" or an absolute path`)
	}
	return nil
}

// check looks at the answers together.
func (i *Interview) check() error {
	p := i.Plan
	if err := i.fits(p.Members); err != nil {
		return Unusable{err}
	}
	if p.Quorum && i.count() == 1 {
		return unusable("--durability quorum: a commit would wait for a standby, and there is no other member; want async")
	}
	if p.VIP.IsValid() && !p.Has(Keepalived) {
		return unusable("--vip %s: keepalived, which would hold it, is not among --routers", p.VIP)
	}
	p.Members[p.Member] = p.Address
	return nil
}
