#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Measures the figures of docs/benchmarks.md on this machine and prints them as Markdown.
#   bench.sh [FLAGS]              pgvigil alone, on whole clusters; the flags go to the program
#   bench.sh peers [FLAGS]        whole deployments of pgvigil and of Patroni (root)
#   bench.sh routers [SECONDS]    what the router plugins cost beside the real products while nothing happens (root)

set -euo pipefail
cd "$(dirname "$0")/../.."
umask 022
if [[ ${1:-} == peers ]]; then
    shift
    prepared=$(contrib/lab/postgres17.sh --patroni)
    { read -r pg; read -r patroni; } <<<"$prepared"
    set -- -pg "$pg" -patroni "$patroni" -peers pgvigil,guide,tightest "$@"
fi

# routers adds up the three plugins, with the VIP following HAProxy, which costs more than following the primary.
routers() {
    go test -run '^$' -bench '^BenchmarkIdle$' -benchtime "${1:-60}x" -p 1 ./plugins/{haproxy,keepalived,pgbouncer} | awk '
        BEGIN { print "| router | process | CPU, % of a core |\n|---|---|---|" }
        /^pkg: / { router = $2; sub(".*/", "", router) }
        /^BenchmarkIdle/ {
            variant = $1; sub("BenchmarkIdle/?", "", variant); sub("-[0-9]+$", "", variant)
            for (i = 3; i < NF; i++) if ($(i + 1) ~ /-%$/) {
                process = $(i + 1); sub("-%$", "", process)
                printf "| %s%s | %s | %.3f |\n", router, variant == "" ? "" : ", follow = " variant, process, $i
                if (process == "plugin" && variant != "primary") { sum += $i; measured++ }
            }
        }
        /FAIL/ { print > "/dev/stderr" }
        END { printf "| **the three plugins** | | %.3f |\n", sum; exit measured != 3 }'
}
if [[ ${1:-} == routers ]]; then
    [[ $EUID -eq 0 ]] || { echo "bench.sh routers: run it as root, it makes network namespaces" >&2; exit 1; }
    routers "${@:2}"
    exit
fi

# The nodes run as another user, who may not be able to read a checkout in somebody's home.
bin=$(mktemp -d /tmp/pgvigil-bin.XXXXXX)
trap 'rm -rf "$bin"' EXIT
chmod 755 "$bin"
cp -r build/. "$bin"
go run ./supervisor/e2e/bench -bin "$bin" "$@"
