// SPDX-License-Identifier: Apache-2.0

// Package sim plays whole clusters under faults: the real core on every host, over models of everything around it. A world
// follows from its seed alone: it reads no clock, waits for nothing and starts nothing, so that a schedule that went wrong goes
// wrong again, and can be made smaller until it tells a story.
//
//	world.go host.go supervisor.go      true time, hosts with clocks of their own, the loop around the core
//	store.go postgres.go job.go         the models: the DCS, PostgreSQL with its launcher, calls of its plugin
//	fault.go trap.go operator.go        what is done to a cluster, and when it hurts
//	schedule.go                         which faults a seed draws
//	judge.go                            what must never be
//	plot.go search.go                   a schedule as a value: played, shrunk, told, searched for
//	mutant.go                           worlds in which one thing is broken, to see that the judge bites
//	testdata/drills                     schedules that broke something once
package sim
