// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"cmp"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
)

// arguments of QEMU. The machine is emulated in software, which works everywhere, also inside another virtual machine.
func arguments(c Config, k kernel) []string {
	args := []string{
		"-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
		"-machine", "pc", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2", "-m", strconv.Itoa(c.Memory),
		"-kernel", k.image, "-initrd", c.initramfs(), "-append", commandLine + c.more(),
		"-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console",
		"-device", "virtio-serial-pci",
		"-chardev", "socket,id=orders,server=on,wait=off,path=" + filepath.Join(c.Dir, "orders"),
		"-device", "virtserialport,chardev=orders,name=" + PortName,
		"-virtfs", "local,security_model=none,multidevs=remap,readonly=on,mount_tag=" + RootTag + ",path=" + cmp.Or(c.System, "/"),
		"-virtfs", "local,security_model=passthrough,mount_tag=" + ShareTag + ",path=" + c.Share,
	}
	if c.System == "" {
		args = append(args, "-netdev", "tap,id=net,script=no,downscript=no,ifname="+c.Tap,
			"-device", "virtio-net-pci,romfile=,netdev=net,mac="+mac(c.Address))
	}
	if c.System != "" && c.Watchdog {
		args = append(args, "-device", "i6300esb", "-action", "watchdog=reset", "-qmp", "unix:"+c.monitor()+",server=on,wait=off")
	}
	return args
}

// commandLine of the kernel. The clock source is one that QEMU emulates exactly: the processor's own is calibrated at boot,
// and on a busy machine wrongly, while pgvigil takes for granted that clocks run at about the same rate.
const commandLine = "console=ttyS0 loglevel=4 panic=-1 rdinit=/init tsc=unstable clocksource=hpet mitigations=off audit=0 random.trust_cpu=on"

// more is for a systemd: no logins, nothing on the console that the journal has as well, and none of the work that takes
// long on an emulated machine and that no test needs, such as asking for all devices there are.
func (c Config) more() string {
	if c.System == "" {
		return ""
	}
	return " systemd.hostname=" + c.Name + " systemd.getty_auto=no systemd.show_status=no systemd.log_target=journal" +
		" systemd.condition_needs_update=no systemd.mask=systemd-udev-trigger.service"
}

// mac is a network card's address made from an IP address, so that no two guests share one.
func mac(address string) string {
	text := "52:54"
	for part := range strings.SplitSeq(address, ".") {
		number, _ := strconv.Atoi(part)
		text += fmt.Sprintf(":%02x", number)
	}
	return text
}
