// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"io"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pgvigil/pgvigil/supervisor/internal/config"
	"github.com/pgvigil/pgvigil/supervisor/internal/render"
)

// rendering is what the commands below render work with.
type rendering struct {
	app *App
	cfg *config.Config
	// named are the members given with --member, host is whose configuration it is; empty for this host.
	named []string
	host  string
}

func (a *App) renderCommand() *cobra.Command {
	r := &rendering{app: a}
	c := &cobra.Command{
		Use:   "render",
		Short: "Print configurations of the products around the cluster",
		Long: "Prints complete configurations for this cluster, with comments. They agree with the router and dcs blocks of pgvigil's\n" +
			"configuration; where a router block is missing, they show it. Nothing is changed.\n\n" +
			"The members are those that the supervisor knows, and those given with --member.",
	}
	c.AddCommand(
		r.withMembers(r.command("haproxy", "Print haproxy.cfg, the same for all hosts", r.haproxy)),
		r.withMembers(r.keepalivedCommand()),
		r.command("pgbouncer", "Print pgbouncer.ini, the same for all hosts", r.pgbouncer),
		r.etcdCommand(),
		r.withMembers(r.command("firewalld", "Print a script that sets up firewalld, the same for all hosts", r.firewalld)),
		r.command("sysctl", "Print kernel settings, the same for all hosts", r.sysctl),
	)
	return c
}

func (r *rendering) withMembers(c *cobra.Command) *cobra.Command {
	c.Flags().StringArrayVar(&r.named, "member", nil, "a member as NAME=HOST or NAME=HOST:PORT; may be repeated")
	return c
}

// command prints a text, which is made when the configuration has been read.
func (r *rendering) command(name, short string, text func(context.Context) (string, error)) *cobra.Command {
	return &cobra.Command{Use: name, Short: short, RunE: func(c *cobra.Command, _ []string) error {
		path, _ := r.app.configPath()
		loader := &config.Loader{DCSOnly: true}
		cfg, diags := loader.Load(path)
		if cfg == nil {
			return r.app.unusable(diags)
		}
		r.cfg = cfg
		out, err := text(c.Context())
		if err != nil {
			return err
		}
		_, err = io.WriteString(r.app.Out, out)
		return wrapOutput(err)
	}}
}

// cluster is the cluster without its members.
func (r *rendering) cluster() render.Cluster {
	return render.Cluster{Name: r.cfg.Cluster.Name, User: r.cfg.Server.User}
}

func (r *rendering) haproxy(ctx context.Context) (string, error) {
	b, err := r.haproxyBlock()
	if err != nil {
		return "", err
	}
	h := render.HAProxy{
		Cluster: r.cluster(), Suggest: r.missing("haproxy"), Socket: b.Sockets[0], OwnFile: b.File.Path,
		Primary: render.Section{Name: b.Primary, Check: "/primary", Cut: b.CutPrimary},
		Replica: render.Section{Name: b.replica(), Check: b.replicaCheck(), Cut: b.CutReplica, Pushed: b.Replica != ""},
		TLS:     checkTLS(r.cfg.API.TLS),
	}
	if h.Suggest {
		h.Replica.Check = "/replica?lag=16MB" // as in the block that is shown
	}
	if h.OwnFile != "" {
		h.Replica.Name = b.Replica
		return h.String(), nil
	}
	h.Members, err = r.members(ctx)
	return h.String(), err
}

// checkTLS is how health checks speak to interfaces that are set up like this one.
func checkTLS(tls *config.APITLS) *render.CheckTLS {
	if tls == nil {
		return nil
	}
	check := &render.CheckTLS{CAFile: tls.CAFile}
	if tls.VerifyClient == "required" {
		check.ClientCert = "/etc/haproxy/pgvigil-client.pem"
	}
	return check
}

func (r *rendering) keepalivedCommand() *cobra.Command {
	var vip, device string
	c := r.command("keepalived", "Print keepalived.conf for one host", func(ctx context.Context) (string, error) {
		return r.keepalived(ctx, vip, device)
	})
	c.Flags().StringVar(&vip, "vip", "", "virtual address, with or without prefix length (default: vip in router \"keepalived\")")
	c.Flags().StringVar(&device, "interface", "", "interface for the virtual address (default: the one with this host's address)")
	c.Flags().StringVar(&r.host, "for", "", "name of the member on whose host it will be (default: this member)")
	r.app.completeMembers(c, "for")
	return c
}

func (r *rendering) keepalived(ctx context.Context, vip, device string) (string, error) {
	b, err := r.keepalivedBlock()
	if err != nil {
		return "", err
	}
	k := render.Keepalived{
		Cluster: r.cluster(), Suggest: r.missing("keepalived"), Backend: b.backend(), TrackFile: b.TrackFile, Interface: device,
	}
	if k.VIP, err = b.vip(vip); err != nil {
		return "", err
	}
	if k.Members, err = r.members(ctx); err != nil {
		return "", err
	}
	if k.Self, err = r.self(k.Members); err != nil {
		return "", err
	}
	if k.Interface == "" {
		k.Interface = interfaceWith(k.Self.Host)
	}
	if k.Interface == "" {
		return "", usage("no interface of this host has the address of %s, %s: give --interface NAME", k.Self.Name, k.Self.Host)
	}
	return k.String(), nil
}

// interfaceWith is the interface of this host that has an address; empty if none has.
func interfaceWith(address string) string {
	interfaces, err := net.Interfaces()
	if err != nil {
		return ""
	}
	for _, i := range interfaces {
		addrs, err := i.Addrs()
		if err != nil {
			continue
		}
		for _, a := range addrs {
			if n, ok := a.(*net.IPNet); ok && n.IP.String() == address {
				return i.Name
			}
		}
	}
	return ""
}

func (r *rendering) pgbouncer(context.Context) (string, error) {
	b, err := r.pgbouncerBlock()
	if err != nil {
		return "", err
	}
	p := render.PgBouncer{Cluster: r.cluster(), Suggest: r.missing("pgbouncer"), Include: b.File.Path}
	p.SocketDir, p.Port, p.Admin = b.console()
	switch {
	case p.Include != "":
	case r.missing("haproxy") && !r.missing("keepalived"):
		k, err := r.keepalivedBlock()
		if err != nil {
			return "", err
		}
		p.Host, p.HostPort = k.VIP, strconv.Itoa(int(r.cfg.Server.Port))
	case r.missing("haproxy") && p.Suggest:
		p.Include = "/var/lib/pgbouncer/databases.ini"
	default:
		h, err := r.haproxyBlock()
		if err != nil {
			return "", err
		}
		p.Host, p.HostPort = "127.0.0.1", h.writePort()
	}
	return p.String(), nil
}

func (r *rendering) etcdCommand() *cobra.Command {
	c := r.command("etcd", "Print etcd's configuration file for one host", r.etcd)
	c.Flags().StringVar(&r.host, "for", "", "host in endpoints of dcs \"etcd\" on which it will be (default: this host)")
	return c
}

func (r *rendering) etcd(context.Context) (string, error) {
	embedded, diags := r.cfg.Embedded()
	switch {
	case diags.HasErrors():
		return "", r.app.unusable(diags)
	case embedded != nil:
		return "", usage("dcs %q has an embedded block: pgvigil dcs serve runs that etcd, and it has no other configuration", r.cfg.DCS.Name)
	}
	e := render.Etcd{Cluster: r.cluster()}
	var err error
	if e.Peers, e.Scheme, err = r.etcdPeers(); err != nil {
		return "", err
	}
	own := r.host
	if own == "" {
		own = r.cfg.Server.Host
	}
	var hosts []string
	for _, p := range e.Peers {
		if hosts = append(hosts, p.Host); p.Host == own {
			e.Self = p
			return e.String(), nil
		}
	}
	return "", usage("%q is not among the endpoints of dcs %q: give --for with one of %s", own, r.cfg.DCS.Name, strings.Join(hosts, ", "))
}

func (r *rendering) firewalld(ctx context.Context) (string, error) {
	f := render.Firewalld{Cluster: r.cluster()}
	var err error
	if f.Members, err = r.members(ctx); err != nil {
		return "", err
	}
	for _, m := range f.Members {
		if _, err := netip.ParseAddr(m.Host); err != nil {
			return "", usage("firewalld takes addresses, and %s is known as %s: give --member %s=ADDRESS", m.Name, m.Host, m.Name)
		}
	}
	if f.Etcd, err = r.etcdPorts(f.Members); err != nil {
		return "", err
	}
	return f.String(), nil
}

func (r *rendering) sysctl(context.Context) (string, error) { return render.Sysctl, nil }
