// SPDX-License-Identifier: Apache-2.0

// Package launcher is the parent of PostgreSQL: it forks the postmaster, dies at the armed instant, and leaves no
// descendant behind. The program pgvigil-launcher is nothing but this package and flags; package deadman describes what
// it promises and the protocol it speaks.
//
// One goroutine, locked to its thread for the life of the process, forks and then decides everything; PR_SET_PDEATHSIG
// follows the thread that forked. The others only wait for something (a child, a connection, a signal, a timer) and
// tell it.
package launcher
