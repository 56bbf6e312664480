#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Makes the HAProxy (3.0), Keepalived (2.3) and PgBouncer (1.24) of Debian 13 available to tests without touching the system, and
# prints the directory of the three programs on standard output (everything else goes to standard error). See trixie.sh. Keepalived
# needs root, and the directory /etc/keepalived.
#
#   contrib/lab/routers13.sh            print the directory, preparing it first if needed
#   contrib/lab/routers13.sh --clean    remove what it prepared

set -euo pipefail
. "$(dirname "$0")/trixie.sh"

readonly programs=(haproxy keepalived pgbouncer)

works() { "$bin/haproxy" -v && "$bin/pgbouncer" -V && "$bin/keepalived" -v; } >/dev/null 2>&1

relocated() {
    local program
    for program in "${programs[@]}"; do relocate "$work/root" "$work/root/usr/sbin/$program"; done
    mkdir "$work/bin"
    ln -s ../root/usr/sbin/{haproxy,pgbouncer} "$work/bin"
    keepalived_launcher
}

# keepalived_launcher shows Keepalived its own /etc/keepalived, without which it does not start, and only that process.
keepalived_launcher() {
    cat >"$work/bin/keepalived" <<LAUNCHER
#!/bin/sh
exec unshare --mount sh -c 'mount --bind "$final/root/etc/keepalived" /etc/keepalived && exec "\$0" "\$@"' "$final/root/usr/sbin/keepalived" "\$@"
LAUNCHER
    chmod 755 "$work/bin/keepalived"
}

main() {
    final="$(cache_dir)/routers-13"
    bin="$final/bin"
    case ${1:-} in
        --clean) rm -rf "$final"; exit 0 ;;
        '') ;;
        *) die "unknown argument $1 (known: --clean)" ;;
    esac
    alone
    works || prepare relocated "${programs[@]}"
    works || die "the relocated programs in $bin do not run"
    echo "$bin"
}

main "$@"
