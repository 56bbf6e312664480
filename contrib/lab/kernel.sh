#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Makes a Linux kernel available to the tests that need a virtual machine, without installing it, and prints the directory
# with its boot/vmlinuz-* and lib/modules/* on standard output (everything else goes to standard error).
#
#   contrib/lab/kernel.sh            print the directory, preparing it first if needed
#   contrib/lab/kernel.sh --clean    remove what it prepared
#
# Where apt is, the distribution's own kernel package is fetched and unpacked; elsewhere the kernel that is installed is
# linked to. The tests find it by PGVIGIL_TEST_KERNEL.
#
# Cache: $PGVIGIL_LAB_CACHE, or /var/cache/pgvigil for root, or ${XDG_CACHE_HOME:-~/.cache}/pgvigil.

set -euo pipefail

say() { echo "kernel: $*" >&2; }
die() { say "$*"; exit 1; }

cache_dir() {
    if [[ -n ${PGVIGIL_LAB_CACHE:-} ]]; then echo "$PGVIGIL_LAB_CACHE"
    elif [[ $EUID -eq 0 ]]; then echo /var/cache/pgvigil
    else echo "${XDG_CACHE_HOME:-$HOME/.cache}/pgvigil"; fi
}

# newest prints the name of the newest kernel package for this processor, nothing if apt knows none.
newest() {
    apt-cache depends --important "$meta" 2>/dev/null | sed -n 's/^ *Depends: \(linux-image-[^ ]*\).*/\1/p' | head -1
}

download() { (cd "$work" && apt-get -qq -o APT::Sandbox::User="$(id -un)" download "$(newest)") >&2; }

# fetched unpacks the image of the distribution's kernel package, and of its modules those that a virtual machine may want.
fetched() {
    local meta deb parts=() part
    meta=linux-image-$(dpkg --print-architecture)
    say "fetching the kernel that $meta depends on"
    if ! download 2>/dev/null; then
        # The lists of packages are missing, or older than what the mirror has.
        [[ $EUID -eq 0 ]] || die "apt did not give it (apt-get update, as root)"
        apt-get -qq update >&2
        download || die "the apt sources of this machine did not give it"
    fi
    deb=$(echo "$work"/*.deb)
    for part in modules.builtin kernel/{fs/{9p,netfs,fscache,overlayfs},net/{9p,core},drivers/{net,virtio,char,watchdog}}/*.ko*; do
        parts+=("./lib/modules/*/$part" "./usr/lib/modules/*/$part")
    done
    # tar complains of patterns that match nothing; main looks at what came of it.
    dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$work" --wildcards --no-wildcards-match-slash './boot/vmlinuz-*' "${parts[@]}" 2>/dev/null || true
    [[ ! -d $work/usr/lib/modules ]] || mv "$work/usr/lib" "$work/lib"
    rm -rf "$deb" "$work/usr"
}

# installed links to the newest kernel of this system that has its modules.
installed() {
    local version
    for version in $(cd /lib/modules 2>/dev/null && ls | sort -rV); do
        [[ -r /lib/modules/$version/modules.builtin ]] || continue
        for image in "/lib/modules/$version/vmlinuz" "/boot/vmlinuz-$version"; do
            [[ -r $image ]] || continue
            mkdir -p "$work/boot" "$work/lib/modules"
            ln -s "$image" "$work/boot/vmlinuz-$version"
            ln -s "/lib/modules/$version" "$work/lib/modules/$version"
            return
        done
    done
    die "no kernel with modules is installed here (dnf install kernel-core kernel-modules)"
}

complete() {
    local part
    for part in boot/vmlinuz-\* lib/modules/\*/{modules.builtin,kernel/fs/overlayfs}; do
        compgen -G "$final/$part" >/dev/null || return
    done
}

# prepare builds the directory beside its final place, so that an interrupted run leaves nothing half done.
prepare() {
    work="$final.new.$$"
    umask 022
    mkdir -p "$work"
    trap 'rm -rf "$work"' EXIT
    if command -v apt-get >/dev/null; then fetched; else installed; fi
    rm -rf "$final"
    mv "$work" "$final"
    complete || die "no kernel image and modules in what was prepared"
}

main() {
    final="$(cache_dir)/kernel"
    case ${1:-} in
        --clean) rm -rf "$final"; exit 0 ;;
        '') ;;
        *) die "unknown argument $1 (known: --clean)" ;;
    esac
    mkdir -p "$(dirname "$final")"
    exec 9>"$final.lock"
    flock 9
    complete || prepare
    echo "$final"
}

main "$@"
