#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Makes PostgreSQL 17 available to tests and benchmarks without touching the system, and prints the
# directory of its programs on standard output (everything else goes to standard error).
#
#   contrib/lab/postgres17.sh              print the bin directory, preparing it first if needed
#   contrib/lab/postgres17.sh --patroni    prepare one with Patroni 4 and etcd beside it; prints a second line, Patroni's launcher
#   contrib/lab/postgres17.sh --clean      remove what it prepared
#
# Where the distribution has PostgreSQL 17 installed, that is used. Elsewhere (Debian 12) it is that of Debian 13: see trixie.sh.

set -euo pipefail
. "$(dirname "$0")/trixie.sh"

# installed_bindir prints the bin directory of a PostgreSQL 17 that the system already has.
installed_bindir() {
    local dir
    for dir in /usr/lib/postgresql/17/bin /usr/pgsql-17/bin; do
        [[ -x $dir/initdb && -x $dir/postgres ]] && { echo "$dir"; return 0; }
    done
    if [[ -x /usr/bin/postgres ]] && /usr/bin/postgres -V | grep -q ' 17\.'; then echo /usr/bin; return 0; fi
    return 1
}

# patroni_launcher writes a script that starts Patroni with the Python it came with.
patroni_launcher() {
    relocate "$work/root" "$work/root/usr/bin"
    cat >"$work/patroni" <<LAUNCHER
#!/bin/sh
# Starts the Patroni of Debian $release from where it was unpacked.
export PYTHONHOME='$final/root/usr' PYTHONPATH='$final/root/usr/lib/python3/dist-packages' PYTHONDONTWRITEBYTECODE=1
export SSL_CERT_DIR=/etc/ssl/certs
exec '$final/root/usr/bin/python3' '$final/root/usr/bin/patroni' "\$@"
LAUNCHER
    chmod 755 "$work/patroni"
}

# byte_compile does what Python's packages do when they are installed: without it each start of Patroni compiles all its modules anew.
byte_compile() {
    say "compiling Patroni's modules"
    PYTHONHOME="$final/root/usr" "$final/root/usr/bin/python3" -m compileall -q "$final"/root/usr/lib/python3* >&2 || true
}

relocated() {
    relocate "$work/root" "$work/root/usr/lib/postgresql/17/bin"
    [[ -z $patroni ]] || patroni_launcher
}

main() {
    final="$(cache_dir)/postgresql-17"
    patroni=
    local want=(postgresql-17)
    case ${1:-} in
        --clean) rm -rf "$final" "$final-patroni"; exit 0 ;;
        --patroni) patroni=yes final+=-patroni ;; # whoever uses the plain one may go on
        '') ;;
        *) die "unknown argument $1 (known: --patroni, --clean)" ;;
    esac
    bindir="$final/root/usr/lib/postgresql/17/bin"
    if [[ -z $patroni ]] && installed_bindir; then exit 0; fi
    if [[ -n $patroni ]]; then want+=(patroni python3-etcd python3-psycopg2 etcd-server); fi
    alone
    if ! "$bindir/postgres" -V >/dev/null 2>&1 || [[ -n $patroni && ! -x $final/root/usr/bin/etcd ]]; then
        prepare relocated "${want[@]}"
        [[ -z $patroni ]] || byte_compile
        "$bindir/postgres" -V >&2 || die "the relocated PostgreSQL in $bindir does not run"
    fi
    echo "$bindir"
    [[ -z $patroni ]] || echo "$final/patroni"
}

main "$@"
