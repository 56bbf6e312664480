// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"context"
	"net/netip"
	"os"
	"strings"

	"github.com/pgvigil/pgvigil/supervisor/internal/config"
)

// kernelSetting reads a setting such as "net.ipv4.ip_nonlocal_bind"; empty where the kernel does not have it.
func kernelSetting(name string) string {
	text, err := os.ReadFile("/proc/sys/" + strings.ReplaceAll(name, ".", "/"))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

// nonlocalName is the setting that lets programs listen on an address that is not here.
func nonlocalName(addr netip.Addr) string {
	if addr.Is6() {
		return "net.ipv6.ip_nonlocal_bind"
	}
	return "net.ipv4.ip_nonlocal_bind"
}

func nonlocal(addr netip.Addr) bool { return kernelSetting(nonlocalName(addr)) == "1" }

// sysctl looks at the settings of the kernel that matter here.
func (d *Doctor) sysctl(ctx context.Context, r *report) {
	d.nonlocalBind(ctx, r)
	if kernelSetting("vm.overcommit_memory") != "2" {
		r.note("kernel.overcommit", "vm.overcommit_memory = 2 with a fitting vm.overcommit_ratio, as PostgreSQL's manual has it",
			"vm.overcommit_memory is %s: when memory runs out the kernel may kill PostgreSQL, and members take over",
			kernelSetting("vm.overcommit_memory"))
	} else {
		r.ok("kernel.overcommit", "vm.overcommit_memory is 2")
	}
}

// nonlocalBind matters where something listens on the virtual address, on hosts that do not have it now.
func (d *Doctor) nonlocalBind(ctx context.Context, r *report) {
	const id = "kernel.nonlocal_bind"
	vip, is := d.vip()
	if !is {
		return
	}
	name, set := nonlocalName(vip), nonlocal(vip)
	for _, p := range d.expected() {
		for _, at := range resolve(ctx, &report{}, p) {
			if at.Addr() == vip && !set {
				r.fail(id, "set "+name+" = 1, as pgvigil render sysctl prints it, or listen on all addresses",
					"%s names the virtual address %s, and %s is 0: it cannot be listened on while another host has it",
					p.attribute, vip, name)
				return
			}
		}
	}
	if set {
		r.ok(id, "%s is 1", name)
	} else {
		r.note(id, "where HAProxy or PgBouncer listen on "+vip.String()+" itself: "+name+" = 1, as pgvigil render sysctl has it",
			"%s is 0", name)
	}
}

// vip is the virtual address of router "keepalived". The name is that of the plugin's schema.
func (d *Doctor) vip() (netip.Addr, bool) {
	block, is := d.Config.Router("keepalived")
	var b struct{ VIP string }
	if is {
		_ = d.Config.DecodePart(block, config.Block{Attributes: []config.Attribute{{Name: "vip", Type: config.String}}}, &b)
	}
	addr, err := netip.ParseAddr(b.VIP)
	return addr, err == nil
}
