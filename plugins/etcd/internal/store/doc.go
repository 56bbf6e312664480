// SPDX-License-Identifier: Apache-2.0

// Package store makes a linearizable register out of an etcd cluster.
//
// Every endpoint has a connection of its own and the choice between them is made here, not by the client
// library's balancer, because a balancer cannot tell a frozen etcd from a live one: its kernel keeps answering,
// and grpc sends keepalive pings no more often than every ten seconds. Reads are sent to the next endpoint as
// soon as one stays silent for a moment. A commit goes to one endpoint, one that has just answered; once it may
// have reached etcd it is never sent again, and its outcome is unknown unless etcd says what became of it.
package store
