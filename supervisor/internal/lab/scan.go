// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// Process is a process of a node, as /proc tells.
type Process struct {
	PID, Parent int
	// Program is the base name of its executable, Title its command line with spaces between the words.
	Program, Title string
}

// Processes returns every process that belongs to the node, orphans included: its executable is one of pgvigil's or
// PostgreSQL's, and it runs in the node's directory, or names it in its command line or environment, or is the child
// of one that does. Of a virtual machine that is the machine itself; what runs inside it is not seen.
func (n *Node) Processes() []Process {
	all := scan()
	mine := make(map[int]bool)
	for _, p := range all {
		mine[p.PID] = n.owns(p)
	}
	for grown := true; grown; {
		grown = false
		for _, p := range all {
			if !mine[p.PID] && mine[p.Parent] && n.program(p.PID) {
				mine[p.PID], grown = true, true
			}
		}
	}
	var found []Process
	for _, p := range all {
		if mine[p.PID] {
			found = append(found, p)
		}
	}
	return found
}

func (n *Node) owns(p Process) bool {
	if !n.program(p.PID) {
		return false
	}
	return p.touches(n.dir)
}

// touches tells whether the process runs in a directory, or names it in its command line or environment.
func (p Process) touches(dir string) bool {
	cwd, _ := os.Readlink(procPath(p.PID, "cwd"))
	if strings.HasPrefix(cwd+"/", dir+"/") || strings.Contains(p.Title, dir+"/") {
		return true
	}
	environ, _ := os.ReadFile(procPath(p.PID, "environ"))
	return bytes.Contains(environ, []byte(dir+"/"))
}

// program tells whether a process runs one of the programs that make a node.
func (n *Node) program(pid int) bool {
	exe, err := os.Readlink(procPath(pid, "exe"))
	if err != nil {
		return false
	}
	exe = strings.TrimSuffix(exe, " (deleted)")
	if n.virtual() {
		return emulates(filepath.Base(exe))
	}
	return strings.HasPrefix(exe, n.cluster.options.Bin+"/") || strings.HasPrefix(exe, n.cluster.pgBin+"/")
}

// emulates tells whether a program runs virtual machines.
func emulates(program string) bool { return strings.HasPrefix(program, "qemu-") }

// scan lists all processes but zombies and this one.
func scan() []Process {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var all []Process
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		if p, ok := inspect(pid); ok {
			all = append(all, p)
		}
	}
	return all
}

func inspect(pid int) (Process, bool) {
	stat, err := os.ReadFile(procPath(pid, "stat"))
	if err != nil {
		return Process{}, false
	}
	// The name in parentheses may hold anything, so the fields are counted from its end.
	_, rest, _ := strings.Cut(string(stat[bytes.LastIndexByte(stat, ')'):]), " ")
	fields := strings.Fields(rest)
	if len(fields) < 2 || fields[0] == "Z" || fields[0] == "X" {
		return Process{}, false
	}
	parent, _ := strconv.Atoi(fields[1])
	exe, _ := os.Readlink(procPath(pid, "exe"))
	title, _ := os.ReadFile(procPath(pid, "cmdline"))
	return Process{
		PID: pid, Parent: parent, Program: filepath.Base(strings.TrimSuffix(exe, " (deleted)")),
		Title: strings.TrimSpace(string(bytes.ReplaceAll(title, []byte{0}, []byte{' '}))),
	}, true
}

func procPath(pid int, name string) string { return filepath.Join("/proc", strconv.Itoa(pid), name) }

// signalAll sends a signal to processes; those that are gone meanwhile do not matter.
func signalAll(processes []Process, sig syscall.Signal) {
	for _, p := range processes {
		_ = syscall.Kill(p.PID, sig)
	}
}
