// SPDX-License-Identifier: Apache-2.0

package setup

import "strings"

// Step is something to do after setup.
type Step struct {
	What     string   `json:"what"`
	Commands []string `json:"commands"`
}

// Next are the steps after the files were written, in order.
func (p *Plan) Next(owner Owner) []Step {
	var steps []Step
	if parent := p.dataParent(owner); parent != "" {
		steps = append(steps, Step{"The directory above data_dir must belong to " + owner.Name,
			[]string{"install -d -o " + owner.Name + " -g " + owner.Name + " -m 0700 " + parent}})
	}
	if !vacant(p.DataDir) {
		steps = append(steps, Step{"data_dir is not empty, and a database in it is taken over. Look whether that is meant",
			[]string{"ls -l " + p.DataDir}})
	}
	if len(p.Members) > 1 {
		steps = append(steps, p.others())
	}
	return append(steps, p.start(), p.around())
}

// others has the other hosts set up alike, with the same secrets.
func (p *Plan) others() Step {
	const dir = "/root/pgvigil-secrets"
	from := "root@" + p.Address.String() + ":"
	if p.Address.Is6() {
		from = "root@[" + p.Address.String() + "]:"
	}
	var files []string
	for _, name := range p.Secrets() {
		files = append(files, from+p.File(name))
	}
	return Step{"On the other hosts, with the same secrets", []string{
		"install -d -m 0700 " + dir,
		"scp " + strings.Join(files, " ") + " " + dir + "/",
		p.command() + " --secrets " + dir,
		"rm -r " + dir,
	}}
}

// command is the command line that gives the same configuration on another host.
func (p *Plan) command() string {
	members := make([]string, 0, len(p.Members))
	for _, name := range p.Names() {
		members = append(members, name+"="+p.Members[name].String())
	}
	etcd, durability, api := strings.Join(p.Endpoints, ","), "async", p.APIUser
	if p.Embedded() {
		etcd = embedded
	}
	if p.Quorum {
		durability = "quorum"
	}
	if api == "" {
		api = none
	}
	words := []string{"pgvigil setup --yes --cluster", p.Cluster, "--members", strings.Join(members, ","), "--etcd", etcd,
		"--durability", durability, "--clients", p.Clients.String(), "--api-user", api}
	if p.Dir != "/etc/pgvigil" {
		words = append(words, "--config", p.Dir)
	}
	if len(p.Routers) > 0 {
		words = append(words, "--routers", strings.Join(p.Routers, ","))
	}
	if p.Has(Keepalived) {
		words = append(words, "--vip", p.VIP.String())
	}
	return strings.Join(words, " ")
}

func (p *Plan) start() Step {
	units := []string{"systemctl enable --now pgvigil", "pgvigil list"}
	if p.Embedded() {
		units = append([]string{"systemctl enable --now pgvigil-dcs"}, units...)
	}
	return Step{"Then, on every host", append([]string{"pgvigil doctor"}, units...)}
}

// around are the products around the cluster.
func (p *Plan) around() Step {
	var commands []string
	for _, router := range p.Routers {
		commands = append(commands, "pgvigil render "+router)
	}
	return Step{"Configurations of what stands around the cluster",
		append(commands, "pgvigil render firewalld", "pgvigil render sysctl")}
}
