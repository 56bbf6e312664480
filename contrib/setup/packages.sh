#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Installs the distribution packages that a target needs and that are missing, asking for root only for that.
#   packages.sh demo    PostgreSQL
#   packages.sh test    PostgreSQL, HAProxy, Keepalived, PgBouncer, the network tools of the tests, what builds PostgreSQL 17's
#                       directory, an emulator, debootstrap where apt is
#   packages.sh peers   the same, and what builds Patroni's directory
#   packages.sh package PostgreSQL, what checks and installs packages

set -euo pipefail

say() { echo "setup: $*" >&2; }
die() { say "$*"; exit 1; }

command -v go >/dev/null || die "Go is not installed (https://go.dev/dl)"

as_root() {
    if [[ $EUID -eq 0 ]]; then "$@"
    elif command -v sudo >/dev/null; then say "root is needed to run: $*"; sudo "$@"
    else die "run this as root: $*"; fi
}

have_postgres() { compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null || compgen -G '/usr/pgsql-*/bin/postgres' >/dev/null || [[ -x /usr/bin/postgres ]]; }

wanted() {
    have_postgres || echo postgres
    if [[ $1 == package ]]; then
        for program in debootstrap lintian pgrep rpm rpmlint systemd-nspawn; do command -v "$program" >/dev/null || echo "$program"; done
    fi
    [[ $1 == test || $1 == peers ]] || return 0
    command -v ip >/dev/null || echo ip
    command -v gcc >/dev/null || echo gcc # for the race detector
    for program in haproxy keepalived pgbouncer; do
        [[ -x /usr/sbin/$program || -x /usr/bin/$program ]] || echo "$program"
    done
    command -v setpriv >/dev/null || echo setpriv
    [[ -x /usr/sbin/nft || -x /sbin/nft ]] || echo nft
    command -v qemu-system-x86_64 >/dev/null || [[ -x /usr/libexec/qemu-kvm ]] || echo qemu
    if command -v apt-get >/dev/null && { [[ $1 == peers ]] || ! compgen -G '/usr/lib/postgresql/17/bin/postgres' >/dev/null; }; then
        command -v patchelf >/dev/null || echo patchelf
    fi
    ! command -v apt-get >/dev/null || command -v debootstrap >/dev/null || echo debootstrap
}

apt_names() { sed 's/^postgres$/postgresql/; s/^ip$/iproute2/; s/^nft$/nftables/; s/^gcc$/gcc\nlibc6-dev/; s/^qemu$/qemu-system-x86/; s/^setpriv$/util-linux/; s/^pgrep$/procps/; s/^systemd-nspawn$/systemd-container/'; }
dnf_names() { sed 's/^postgres$/postgresql-server postgresql/; s/^ip$/iproute/; s/^nft$/nftables/; s/^qemu$/qemu-kvm/; s/^setpriv$/util-linux/'; }

# keep_off has no service started by the packages that are installed until the script ends, leave_off none by the next boot.
keep_off() {
    [[ ! -e /usr/sbin/policy-rc.d ]] || return 0
    trap 'as_root rm -f /usr/sbin/policy-rc.d' EXIT
    printf '#!/bin/sh\nexit 101\n' | as_root tee /usr/sbin/policy-rc.d >/dev/null
    as_root chmod 755 /usr/sbin/policy-rc.d
}
leave_off() {
    local name
    for name in "$@"; do
        case $name in haproxy | keepalived | pgbouncer) as_root systemctl disable -q "$name" 2>/dev/null || true ;; esac
    done
}

missing=$(wanted "${1:?demo, test, peers or package}")
[[ -n $missing ]] || exit 0

if command -v apt-get >/dev/null; then
    mapfile -t names < <(apt_names <<<"$missing")
    say "installing ${names[*]}"
    as_root apt-get -qq update
    # Installing PostgreSQL must not start a server of its own.
    if ! dpkg -s postgresql-common >/dev/null 2>&1; then
        as_root mkdir -p /etc/postgresql-common
        echo 'create_main_cluster = false' | as_root tee -a /etc/postgresql-common/createcluster.conf >/dev/null
    fi
    keep_off
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends \
        -o Dpkg::Options::=--force-confold "${names[@]}" >&2
    leave_off "${names[@]}"
elif command -v dnf >/dev/null; then
    read -ra names <<<"$(dnf_names <<<"$missing" | tr '\n' ' ')"
    say "installing ${names[*]}"
    as_root dnf -q -y install "${names[@]}" >&2
else
    die "neither apt-get nor dnf here; install: $(tr '\n' ' ' <<<"$missing")"
fi
have_postgres || die "PostgreSQL was installed but its server programs were not found"
