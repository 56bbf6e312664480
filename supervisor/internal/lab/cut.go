// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
)

// Direction of the traffic that a Cut drops, seen from the node.
type Direction int

// The directions.
const (
	Both Direction = iota
	Inbound
	Outbound
)

// Cut says what traffic of a node to drop. The zero Cut drops everything both ways. The network card keeps its carrier, as
// when a switch or a firewall in between fails.
type Cut struct {
	Direction Direction
	// Peers limits the cut to the traffic with these nodes; nil means everybody, clients included.
	Peers []*Node
	// Ports limits the cut to TCP and UDP to and from these ports, of the node or of others; nil means everything.
	Ports []int
}

var (
	errLoopback = errors.New("the network of nodes on loopback addresses cannot be cut")
	errVirtual  = errors.New("a virtual machine can be unplugged but not cut")
)

// Cut drops traffic of the node, in place of what an earlier Cut dropped. Nodes in network namespaces only.
func (n *Node) Cut(c Cut) error {
	net, ok := n.cluster.network.(*namespaces)
	if !ok {
		return errLoopback
	}
	if net.isVirtual(n.index) {
		return errVirtual
	}
	return net.cut(n.index, c)
}

// CutFromDCS drops the node's traffic with the other nodes' etcd and of its etcd with theirs, and nothing else.
func (n *Node) CutFromDCS() error {
	return n.Cut(Cut{Ports: []int{n.ports.etcdClient, n.ports.etcdPeer}})
}

// CutFromStandbys drops the node's traffic with other nodes but that with etcd: PostgreSQL, REST and heartbeats.
func (n *Node) CutFromStandbys() error {
	return n.Cut(Cut{Peers: n.cluster.Except(n), Ports: []int{n.ports.postgres, n.ports.api}})
}

// Unplug takes the node's carrier away, as a pulled cable does.
func (n *Node) Unplug() error { return n.link("down") }

// Heal undoes Cut and Unplug.
func (n *Node) Heal() error {
	net, ok := n.cluster.network.(*namespaces)
	if !ok {
		return errLoopback
	}
	if net.isVirtual(n.index) {
		return n.link("up")
	}
	return errors.Join(n.link("up"), net.filter(n.index, ""))
}

func (n *Node) link(state string) error {
	net, ok := n.cluster.network.(*namespaces)
	if !ok {
		return errLoopback
	}
	return batch("ip -n " + net.hub() + " link set " + net.port(n.index) + " " + state)
}

func (n *namespaces) cut(i int, c Cut) error {
	var rules, frames strings.Builder
	if c.Direction != Outbound {
		chain(&rules, "input", "iifname", "saddr", c)
		frames.WriteString("chain input { type filter hook ingress device eth0 priority 0; drop\n}\n")
	}
	if c.Direction != Inbound {
		chain(&rules, "output", "oifname", "daddr", c)
		frames.WriteString("chain output { type filter hook egress device eth0 priority 0; drop\n}\n")
	}
	tables := "table inet lab {\n" + rules.String() + "}\n"
	if len(c.Peers) == 0 && len(c.Ports) == 0 { // whoever is cut off from everybody does not even say, past IP, where an address is
		tables += "table netdev lab {\n" + frames.String() + "}\n"
	}
	return n.filter(i, tables)
}

// chain writes the rules of one direction.
func chain(rules *strings.Builder, hook, device, far string, c Cut) {
	fmt.Fprintf(rules, "chain %s { type filter hook %s priority 0;\n", hook, hook)
	match := device + ` "eth0"`
	if len(c.Peers) > 0 {
		match += " ip " + far + " { " + strings.Join(addresses(c.Peers), ", ") + " }"
	}
	if len(c.Ports) == 0 {
		fmt.Fprintf(rules, "%s drop\n}\n", match)
		return
	}
	for _, side := range []string{"dport", "sport"} {
		fmt.Fprintf(rules, "%s meta l4proto { tcp, udp } th %s { %s } drop\n", match, side, list(c.Ports))
	}
	rules.WriteString("}\n")
}

// filter makes the tables the only ones of the namespace.
func (n *namespaces) filter(i int, tables string) error {
	command := exec.Command("ip", "netns", "exec", n.namespace(i), "nft", "-f", "-")
	command.Stdin = strings.NewReader("flush ruleset\n" + tables)
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("nftables in %s: %w: %s", n.namespace(i), err, output)
	}
	return nil
}

func addresses(nodes []*Node) []string {
	var all []string
	for _, n := range nodes {
		all = append(all, n.Address)
	}
	return all
}

func list(numbers []int) string {
	var all []string
	for _, number := range numbers {
		all = append(all, strconv.Itoa(number))
	}
	return strings.Join(all, ", ")
}
