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
# Where the distribution has PostgreSQL 17 installed, that is used. Elsewhere (Debian 12) the
# packages of Debian 13 are fetched with apt into a private directory, from the mirror that this
# machine's own apt sources name, unpacked there, and the programs are relocated: their ELF
# interpreter and library path point into that directory, so that they run on this system as they
# are, as any user. Needs apt, dpkg-deb and patchelf; neither root nor a chroot.
#
# Cache: $PGVIGIL_LAB_CACHE, or /var/cache/pgvigil for root, or ${XDG_CACHE_HOME:-~/.cache}/pgvigil.

set -euo pipefail

readonly release=trixie
readonly keyring=/usr/share/keyrings/debian-archive-keyring.gpg

say() { echo "postgres17: $*" >&2; }
die() { say "$*"; exit 1; }

cache_dir() {
    if [[ -n ${PGVIGIL_LAB_CACHE:-} ]]; then echo "$PGVIGIL_LAB_CACHE"
    elif [[ $EUID -eq 0 ]]; then echo /var/cache/pgvigil
    else echo "${XDG_CACHE_HOME:-$HOME/.cache}/pgvigil"; fi
}

# installed_bindir prints the bin directory of a PostgreSQL 17 that the system already has.
installed_bindir() {
    local dir
    for dir in /usr/lib/postgresql/17/bin /usr/pgsql-17/bin; do
        [[ -x $dir/initdb && -x $dir/postgres ]] && { echo "$dir"; return 0; }
    done
    if [[ -x /usr/bin/postgres ]] && /usr/bin/postgres -V | grep -q ' 17\.'; then echo /usr/bin; return 0; fi
    return 1
}

need() {
    local missing=() program
    for program in "$@"; do command -v "$program" >/dev/null || missing+=("$program"); done
    [[ ${#missing[@]} -eq 0 ]] || die "not installed: ${missing[*]} (apt-get install apt dpkg patchelf)"
    [[ -r $keyring ]] || die "no $keyring (apt-get install debian-archive-keyring)"
}

# private_apt runs apt-get on a package database of its own in which nothing is installed, so that a
# package brings along everything it depends on, down to the C library.
private_apt() {
    APT_CONFIG="$work/apt/apt.conf" apt-get -qq "$@" >&2
}

# apt_conf prints the configuration of the private apt: of the system's only how to reach mirrors
# (proxies), none of its hooks.
apt_conf() {
    apt-config dump | grep '^Acquire::' | grep -v '^Acquire::IndexTargets' || true
    cat <<CONF
Dir "$work/apt";
Dir::Etc "$work/apt/etc";
Dir::Etc::Parts "none";
Dir::Etc::Main "none";
Dir::State "$work/apt/state";
Dir::State::status "$work/apt/status";
Dir::Cache "$work/apt/cache";
Dir::Log "$work/apt";
APT::Sandbox::User "$(id -un)";
APT::Install-Recommends "false";
Acquire::Languages "none";
Debug::NoLocking "true";
CONF
}

fetch() {
    local mirror
    mirror=$("$(dirname "$0")/mirror.sh")
    mkdir -p "$work"/apt/{etc/none,etc/sources.list.d,etc/preferences.d,state/lists/partial,cache/archives/partial}
    : >"$work/apt/status"
    apt_conf >"$work/apt/apt.conf"
    echo "deb [signed-by=$keyring] $mirror $release main" >"$work/apt/etc/sources.list"
    say "fetching $*"
    private_apt update || die "the mirror $mirror did not give the package lists of $release"
    private_apt --download-only -y install "$@" || die "the mirror $mirror did not give the packages $*"
}

unpack() {
    local deb
    mkdir -p "$work/root"
    # base-files goes first: it holds the links /bin -> usr/bin, /lib -> usr/lib and so on.
    for deb in "$work"/apt/cache/archives/base-files_*.deb "$work"/apt/cache/archives/*.deb; do
        [[ -e $deb ]] || continue
        dpkg-deb -x "$deb" "$work/root"
    done
    rm -rf "$work/apt"
}

# relocate makes the ELF programs in a directory run from where they are now.
relocate() {
    local root=$1 dir=$2 loader libs file
    loader=$(find "$root/usr/lib" "$root/usr/lib64" -name 'ld-linux*.so.*' 2>/dev/null | head -1)
    [[ -n $loader ]] || die "no dynamic loader among the packages of $release"
    libs=$(dirname "$(find "$root/usr/lib" -name 'libc.so.6' | head -1)")
    loader=${loader/#$work/$final} libs=${libs/#$work/$final}
    while IFS= read -r file; do
        patchelf --print-interpreter "$file" >/dev/null 2>&1 || continue
        patchelf --set-interpreter "$loader" --force-rpath --set-rpath "$libs" "$file" || die "cannot relocate $file"
    done < <(find "$dir" -type f -perm -u+x)
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

# prepare builds the whole directory beside its final place and then renames it there, so that an
# interrupted run leaves nothing half done.
prepare() {
    need apt-get dpkg-deb patchelf find flock
    work="$final.new.$$"
    umask 022
    mkdir -p "$work"
    trap 'rm -rf "$work"' EXIT
    fetch "$@"
    unpack
    relocate "$work/root" "$work/root/usr/lib/postgresql/17/bin"
    [[ $* != *patroni* ]] || patroni_launcher
    [[ ! -e $final ]] || mv "$final" "$final.old.$$"
    mv "$work" "$final"
    rm -rf "$final.old.$$"
    [[ $* != *patroni* ]] || byte_compile
    "$bindir/postgres" -V >&2 || die "the relocated PostgreSQL in $bindir does not run"
}

main() {
    final="$(cache_dir)/postgresql-17"
    local want=(base-files postgresql-17) patroni=
    case ${1:-} in
        --clean) rm -rf "$final" "$final-patroni"; exit 0 ;;
        --patroni) patroni=yes final+=-patroni ;; # whoever uses the plain one may go on
        '') ;;
        *) die "unknown argument $1 (known: --patroni, --clean)" ;;
    esac
    bindir="$final/root/usr/lib/postgresql/17/bin"
    if [[ -z $patroni ]] && installed_bindir; then exit 0; fi
    if [[ -n $patroni ]]; then want+=(patroni python3-etcd python3-psycopg2 etcd-server); fi
    mkdir -p "$(dirname "$final")"
    exec 9>"$final.lock"
    flock 9
    if ! "$bindir/postgres" -V >/dev/null 2>&1 || [[ -n $patroni && ! -x $final/root/usr/bin/etcd ]]; then prepare "${want[@]}"; fi
    echo "$bindir"
    [[ -z $patroni ]] || echo "$final/patroni"
}

main "$@"
