// SPDX-License-Identifier: Apache-2.0

//go:build linux

// Command guest is the first process of a virtual machine of the lab: it makes a host of the machine and then takes
// orders over a serial port. If it ends, so does the machine. On a host with systemd it gives way to that, which starts it
// again for the orders.
package main

import (
	"encoding/json"
	"fmt"
	"net/rpc"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/pgvigil/pgvigil/supervisor/internal/lab/vm"
)

func main() {
	err := run()
	fmt.Fprintln(os.Stderr, "guest:", err)
	_ = unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)
}

// run returns only if something went wrong.
func run() error {
	guest := &Guest{children: newChildren()}
	if os.Getpid() == 1 {
		plan, err := readPlan("/")
		if err != nil {
			return err
		}
		if err := makeHost(plan); err != nil {
			return err
		}
	}
	port, err := openPort()
	if err != nil {
		return err
	}
	if err := rpc.RegisterName("Guest", guest); err != nil {
		return err
	}
	rpc.ServeConn(port)
	return fmt.Errorf("nobody gives orders any more")
}

func readPlan(dir string) (vm.Plan, error) {
	var plan vm.Plan
	text, err := os.ReadFile(filepath.Join(dir, vm.PlanFile))
	if err != nil {
		return plan, err
	}
	return plan, json.Unmarshal(text, &plan)
}

// openPort finds the serial port by its name.
func openPort() (*os.File, error) {
	names, err := filepath.Glob("/sys/class/virtio-ports/*/name")
	if err != nil {
		return nil, err
	}
	for _, path := range names {
		name, err := os.ReadFile(path)
		if err == nil && strings.TrimSpace(string(name)) == vm.PortName {
			return os.OpenFile(filepath.Join("/dev", filepath.Base(filepath.Dir(path))), os.O_RDWR, 0)
		}
	}
	return nil, fmt.Errorf("no serial port %s among %q", vm.PortName, names)
}
