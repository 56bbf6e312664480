#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Runs the whole suite. A skipped test counts as failed.
#   test.sh            everything
#   test.sh unit       what needs neither root nor a cluster of its own
#   test.sh routers    the router plugins on the real products (root)
#   test.sh cluster    whole clusters with faults (root), and the demo's story

set -euo pipefail
cd "$(dirname "$0")/../.."
umask 022

step() { echo "== $*" >&2; }

# run is go test; see contrib/setup/gotest.
run() {
    step "go test $*"
    go run ./contrib/setup/gotest "$@"
}

# servers lists the PostgreSQL versions to test on: what is installed, and 17.
servers() {
    local installed seventeen=""
    installed=$(ls -d /usr/lib/postgresql/*/bin /usr/pgsql-*/bin 2>/dev/null | sort -V | tail -1)
    if command -v apt-get >/dev/null; then
        seventeen=$(contrib/lab/postgres17.sh)
    elif [[ -z $installed ]]; then
        seventeen=/usr/bin # where the packages of RHEL-like systems put the one version they have
    fi
    printf '%s\n' $installed $seventeen | sort -u | paste -sd:
}

# unit runs first what is pure and may share the machine, then, two packages at a time, what starts real processes and
# looks at how long they take.
unit() {
    local processes=(./supervisor/internal/{deadman,dcsserver,lab,pluginhost,daemon,doctor}/... ./plugins/{sdk,example,etcd}/...)
    local pure
    mapfile -t pure < <(go list ./proto/... ./supervisor/... | grep -vxFf <(go list "${processes[@]}"))
    mapfile -t pure < <(printf '%s\n' "${pure[@]}" | grep -v '/internal/\(core\|sim\|modelcheck\|render\)$')
    run -timeout 10m ./supervisor/internal/core # one goroutine: nothing to race
    run -timeout 10m ./supervisor/internal/sim # drills, and worlds that must break
    run -timeout 15m ./supervisor/internal/modelcheck # every order of events up to a number of states, and mutants
    step "simulated clusters"
    make --no-print-directory sim SEEDS=3000
    make --no-print-directory sim SEEDS=400 ARGS='-durability rollback'
    CGO_ENABLED=1 run -race "${pure[@]}"
    CGO_ENABLED=1 run -race -p 2 -timeout 15m "${processes[@]}"
    run -p 2 -timeout 15m ./plugins/postgres/...
}

# routers, and the configurations rendered for them, are tested on the real products, in hosts made of network namespaces: on
# those of the distribution, and in their main parts on those of Debian 13.
routers() {
    needs_root "the tests of routers make network namespaces and give away rights"
    CGO_ENABLED=1 run -race -p 2 -timeout 15m ./plugins/{haproxy,keepalived,pgbouncer}/... ./supervisor/internal/render
    command -v apt-get >/dev/null || return 0
    local newer
    newer=$(contrib/lab/routers13.sh)
    [[ $(haproxy -v) == "$("$newer/haproxy" -v)" ]] || PGVIGIL_TEST_HAPROXY=$newer/haproxy \
        PGVIGIL_TEST_KEEPALIVED=$newer/keepalived PGVIGIL_TEST_PGBOUNCER=$newer/pgbouncer \
        run -p 2 -timeout 15m -run 'Conformance|Switchover|Failover|Traffic|Lag|Restart' ./plugins/{haproxy,keepalived,pgbouncer}
}

needs_root() { [[ $EUID -eq 0 ]] || { step "$1: run make test as root"; exit 1; }; }

# offers_files tells whether a virtual machine can be offered this machine's files: the QEMU of some distributions cannot.
offers_files() { qemu-system-x86_64 -device help 2>/dev/null | grep virtio-9p-pci >/dev/null; }

cluster() {
    make --no-print-directory build
    needs_root "the tests of whole clusters make network namespaces"
    # The nodes run as another user, who may not be able to read a checkout in somebody's home.
    bin=$(mktemp -d /tmp/pgvigil-bin.XXXXXX)
    trap 'rm -rf "$bin"' EXIT
    chmod 755 "$bin"
    cp -r build/. "$bin"
    local without=()
    if offers_files; then
        PGVIGIL_TEST_KERNEL=${PGVIGIL_TEST_KERNEL:-$(contrib/lab/kernel.sh)}
        export PGVIGIL_TEST_KERNEL
    else
        step "no QEMU with 9p here: the tests with virtual machines are left out (wall clock set, watchdogs)"
        without=(TestWallClockSteps TestWatchdog TestWatchdogPackaged)
    fi
    if command -v debootstrap >/dev/null; then
        PGVIGIL_TEST_SYSTEMD=${PGVIGIL_TEST_SYSTEMD:-$(contrib/lab/systemd.sh)}
        PGVIGIL_TEST_APT=${PGVIGIL_TEST_APT:-$(contrib/lab/systemd.sh --apt)}
        export PGVIGIL_TEST_SYSTEMD PGVIGIL_TEST_APT
        contrib/lab/packages.sh build/upgrade
    else
        step "no debootstrap here: the tests on hosts with a systemd of their own are left out"
        without+=(TestSystemd TestQuickstart TestWatchdogPackaged)
    fi
    PGVIGIL_BIN=$bin run -tags e2e -timeout 45m -count=1 -parallel 4 -skip "^($(IFS='|'; echo "${without[*]:-none}"))\$" ./supervisor/e2e
    step "demo"
    build/pgvigil demo --script
}

export PGVIGIL_TEST_PG=${PGVIGIL_TEST_PG:-$(servers)}
step "PostgreSQL from ${PGVIGIL_TEST_PG//:/, }"
case ${1:-all} in
all) unit; routers; cluster ;;
unit | routers | cluster) "$1" ;;
*) echo "test.sh [unit|routers|cluster]" >&2; exit 2 ;;
esac
step passed
