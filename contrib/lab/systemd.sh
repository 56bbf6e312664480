#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Makes a Debian 13 with systemd in a directory, for the tests that boot it as a container or a virtual machine, and prints that
# directory on standard output (everything else goes to standard error).
#
#   contrib/lab/systemd.sh            one with PostgreSQL 17, preparing it first if needed
#   contrib/lab/systemd.sh --apt      one without, whose apt installs without a network what docs/quickstart.md needs
#   contrib/lab/systemd.sh --clean    remove what it prepared
#
# Needs root and debootstrap. Mirror and cache: see trixie.sh.

set -euo pipefail
. "$(dirname "$0")/trixie.sh"

readonly base=systemd,systemd-sysv,dbus,udev,libpam-systemd,polkitd,iproute2,procps
readonly guide=(postgresql-17 etcd-server etcd-client haproxy keepalived pgbouncer)

# prepare has a function make a directory beside its final place, so that an interrupted run leaves nothing half done.
prepare() {
    [[ $EUID -eq 0 ]] || die "needs root"
    command -v debootstrap >/dev/null || die "not installed: debootstrap"
    local final=$1
    work="$final.new.$$"
    umask 022
    trap 'rm -rf "$work"' EXIT
    "$2" >&2
    # A host of its own: an identity per boot, no resolver of ours.
    : >"$work/etc/machine-id"
    rm -f "$work/etc/resolv.conf" "$work/etc/hostname"
    rm -rf "$final"
    mv "$work" "$final"
}

# with_apt leaves the packages of the guide, and lists of them, where apt looks before it asks the network, and installs the
# libraries that they need. Questions are answered, and what dpkg writes need not outlive the machine.
with_apt() {
    debootstrap --variant=minbase --keyring="$keyring" --include="$base" "$release" "$work" "$("$(dirname "$0")/mirror.sh")" ||
        { tail -20 "$work/debootstrap/debootstrap.log" >&2; die "debootstrap failed"; }
    rm -rf "$work"/var/cache/apt/archives/*.deb
    cp /etc/resolv.conf "$work/etc/"
    echo 'APT::Get::Assume-Yes "true"; APT::Keep-Downloaded-Packages "true"; Acquire::Retries "0";' >"$work/etc/apt/apt.conf.d/lab"
    echo force-unsafe-io >"$work/etc/dpkg/dpkg.cfg.d/lab"
    chroot "$work" sh -ec 'apt-get update
        needs=$(apt-get install --simulate "$@" | sed -n "s/^Inst \([^ ]*\) .*/\1/p" |
            grep -vE "^(postgresql|etcd|haproxy|keepalived|pgbouncer)")
        apt-get install --no-install-recommends openssh-server $needs
        rm -f /var/cache/apt/archives/*.deb
        apt-get install --download-only "$@"' sh "${guide[@]}"
}

# with_postgres is the same with what was downloaded for PostgreSQL installed.
with_postgres() {
    cp -a "$apt" "$work"
    DEBIAN_FRONTEND=noninteractive chroot "$work" apt-get install --no-install-recommends --no-download postgresql-17
    chroot "$work" pg_dropcluster 17 main
    rm -rf "$work"/var/lib/apt/lists/* "$work"/var/cache/apt/archives/*.deb
}

# complete tells whether a directory is there, and made by this version of the script.
complete() { [[ -x $1/usr/lib/udev/ata_id && -x $1/usr/sbin/sshd ]]; }

main() {
    final="$(cache_dir)/systemd-$release" apt="$(cache_dir)/systemd-$release-apt"
    case ${1:-} in
        --clean) rm -rf "$final" "$apt"; exit 0 ;;
        --apt | '') ;;
        *) die "unknown argument $1 (known: --apt, --clean)" ;;
    esac
    alone
    complete "$apt" || prepare "$apt" with_apt
    [[ -z ${1:-} ]] || { echo "$apt"; exit 0; }
    complete "$final" || prepare "$final" with_postgres
    echo "$final"
}

main "$@"
