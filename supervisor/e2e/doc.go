// SPDX-License-Identifier: Apache-2.0

// Package e2e breaks whole clusters of real processes in network namespaces and looks whether the promises hold. Its tests
// have the build tag e2e and need root, ip, nft, PostgreSQL, QEMU with a kernel (contrib/lab/kernel.sh), a system to boot
// (contrib/lab/systemd.sh), and the binaries in build/ (PGVIGIL_BIN names another place).
//
//	go test -tags e2e ./supervisor/e2e
//	PGVIGIL_E2E_CYCLES=200 go test -tags e2e ./supervisor/e2e -run TestRollingFailures -timeout 2h
//
// PGVIGIL_E2E_LOGS names a directory for the nodes' logs, PGVIGIL_E2E_SEED the seed of the random faults, which is printed.
package e2e
