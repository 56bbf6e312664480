// SPDX-License-Identifier: Apache-2.0

// Package deadman bounds how long PostgreSQL may outlive the consent of the supervisor.
//
// PostgreSQL's parent is pgvigil-launcher (package launcher below this one), a small process that outlives the
// daemon and every plugin. While this node leads, the daemon tells it an absolute CLOCK_BOOTTIME instant; if nobody
// moves that instant in time, PostgreSQL is dead shortly after it, whoever else hangs. [Client] is the daemon's side:
// Arm, Disarm, Status, Kill, and Fence, which works with the launcher itself hung or gone.
//
// # The promise
//
// Armed with the instant T:
//
//   - launcher alive: from T − [SoftLead] it sends SIGQUIT, then SIGKILL, to everything below it and reaps it; all
//     processes are normally gone before T.
//   - launcher stopped or stuck: at T the kernel kills it (a POSIX timer with SIGKILL acts on stopped processes too), its
//     death sends SIGQUIT to the postmaster (PR_SET_PDEATHSIG), and SIGCONT too should the postmaster be stopped (it is
//     alone in a process group that its parent's death orphans). The postmaster ends its backends; gone by about T + 100 ms.
//
// # Files in the run directory
//
//	launcher.sock       stream socket, mode 0600, same user or root only
//	launcher.json       [Record]: who runs; written before PostgreSQL is forked and again after
//	launcher.exit.json  [Exit]: how it ended; written once no descendant is left, removed by the next launcher
//	launcher.lock       held while a launcher lives; never removed
//	launcher.start      what a launcher that systemd starts is to start; it takes the file away before it does anything
//
// # Line protocol
//
// One line in, one line of JSON out ([Reply]), any number per connection. A command may carry the CLOCK_BOOTTIME
// instant at which it was issued; an arm or disarm issued before the last one applied is refused, so that a command
// which waited in the socket of a stopped launcher can undo nothing.
//
//	arm <at_ns> [issued_ns]   die at this instant unless moved; an instant in the past acts at once
//	disarm [issued_ns]        no deadline
//	status                    answers [Status]
//	kill [grace_ms]           SIGQUIT to the postmaster, after grace (default 200) SIGKILL to all; answers when none is left
//	wait                      answers when none is left
//
// The reply to kill and wait carries the [Exit]; launcher.exit.json is written and the socket removed before it is sent.
package deadman
