#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Measures the figures of docs/benchmarks.md on this machine and prints them as Markdown. Arguments go to the program.
#   bench.sh ...          pgvigil alone
#   bench.sh peers ...    whole deployments of pgvigil and of Patroni (root)

set -euo pipefail
cd "$(dirname "$0")/../.."
umask 022
if [[ ${1:-} == peers ]]; then
    shift
    prepared=$(contrib/lab/postgres17.sh --patroni)
    { read -r pg; read -r patroni; } <<<"$prepared"
    set -- -pg "$pg" -patroni "$patroni" -peers pgvigil,guide,tightest "$@"
fi
# The nodes run as another user, who may not be able to read a checkout in somebody's home.
bin=$(mktemp -d /tmp/pgvigil-bin.XXXXXX)
trap 'rm -rf "$bin"' EXIT
chmod 755 "$bin"
cp -r build/. "$bin"
go run ./supervisor/e2e/bench -bin "$bin" "$@"
