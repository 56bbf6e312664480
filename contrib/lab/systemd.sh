#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Makes a Debian 13 with systemd and PostgreSQL 17 in a directory, for the tests that boot it as a container or a virtual machine,
# and prints that directory on standard output (everything else goes to standard error).
#
#   contrib/lab/systemd.sh            print the directory, preparing it first if needed
#   contrib/lab/systemd.sh --clean    remove what it prepared
#
# Needs root and debootstrap. Mirror and cache: see trixie.sh.

set -euo pipefail
. "$(dirname "$0")/trixie.sh"

readonly packages=systemd,systemd-sysv,udev,dbus,libpam-systemd,polkitd,iproute2,procps,postgresql-17

# prepare builds the directory beside its final place, so that an interrupted run leaves nothing half done.
prepare() {
    [[ $EUID -eq 0 ]] || die "needs root"
    command -v debootstrap >/dev/null || die "not installed: debootstrap"
    work="$final.new.$$"
    umask 022
    trap 'rm -rf "$work"' EXIT
    debootstrap --variant=minbase --keyring="$keyring" --include="$packages" "$release" "$work" "$("$(dirname "$0")/mirror.sh")" >&2 ||
        { tail -20 "$work/debootstrap/debootstrap.log" >&2; die "debootstrap failed"; }
    chroot "$work" pg_dropcluster 17 main
    rm -rf "$work"/var/cache/apt/archives/*.deb "$work"/var/lib/apt/lists/*
    # A host of its own: an identity per boot, no resolver of ours.
    : >"$work/etc/machine-id"
    rm -f "$work/etc/resolv.conf" "$work/etc/hostname"
    rm -rf "$final"
    mv "$work" "$final"
}

main() {
    final="$(cache_dir)/systemd-$release"
    case ${1:-} in
        --clean) rm -rf "$final"; exit 0 ;;
        '') ;;
        *) die "unknown argument $1 (known: --clean)" ;;
    esac
    alone
    [[ -x $final/usr/bin/udevadm && -x $final/usr/lib/polkit-1/polkitd && -x $final/usr/lib/postgresql/17/bin/postgres ]] || prepare
    echo "$final"
}

main "$@"
