// SPDX-License-Identifier: Apache-2.0

// Package e2e breaks whole clusters of real processes in network namespaces and looks whether the promises hold. Its tests
// have the build tag e2e and need root, ip, nft, PostgreSQL, QEMU with a kernel (contrib/lab/kernel.sh), and the binaries
// in build/ (PGVIGIL_BIN names another place).
//
//	go test -tags e2e ./supervisor/e2e
package e2e
