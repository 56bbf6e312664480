// SPDX-License-Identifier: Apache-2.0

// Package register reads, writes and swaps rows as an application would that uses them as registers, and tells afterwards
// whether what the clients saw is linearizable: as if each operation had happened at one instant between its call and its
// return. That says more than a ledger of writes: reads of a replaced primary count as well.
//
// Every operation, a read too, locks its row, so that PostgreSQL waits for the standbys before it answers, and so that none of
// the anomalies that PostgreSQL allows to weaker statements is taken for one of the cluster.
package register
