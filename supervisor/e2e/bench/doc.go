// SPDX-License-Identifier: Apache-2.0

// Command bench measures a real three-node cluster on this machine and prints Markdown: how long writing is interrupted by
// faults, what the REST interface can take, and what the processes cost when nothing happens.
//
//	go run ./supervisor/e2e/bench -n 10
//
// As root the nodes live in network namespaces, and a lost host is lost as by a power failure. An ordinary user gets them on
// loopback addresses, where the connections of a killed host are reset; the table says which.
package main
