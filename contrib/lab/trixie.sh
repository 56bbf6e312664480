# SPDX-License-Identifier: Apache-2.0
#
# Sourced by the scripts beside it. Fetches packages of Debian 13 with apt into a private directory, from the mirror that this
# machine's own apt sources name, unpacks them there, and relocates programs: their ELF interpreter and library path point
# into that directory, so that they run on this system as they are, as any user. Needs apt, dpkg-deb and patchelf; neither
# root nor a chroot.
#
# Cache: $PGVIGIL_LAB_CACHE, or /var/cache/pgvigil for root, or ${XDG_CACHE_HOME:-~/.cache}/pgvigil.

readonly release=trixie
readonly keyring=/usr/share/keyrings/debian-archive-keyring.gpg

say() { echo "$(basename "$0" .sh): $*" >&2; }
die() { say "$*"; exit 1; }

cache_dir() {
    if [[ -n ${PGVIGIL_LAB_CACHE:-} ]]; then echo "$PGVIGIL_LAB_CACHE"
    elif [[ $EUID -eq 0 ]]; then echo /var/cache/pgvigil
    else echo "${XDG_CACHE_HOME:-$HOME/.cache}/pgvigil"; fi
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

# prepare unpacks packages in $final/root. It builds the whole directory beside its final place ($work) and then renames it
# there, so that an interrupted run leaves nothing half done. The function named first does the rest of the work.
prepare() {
    need apt-get dpkg-deb patchelf find flock
    work="$final.new.$$"
    umask 022
    mkdir -p "$work"
    trap 'rm -rf "$work"' EXIT
    fetch base-files "${@:2}"
    unpack
    "$1"
    [[ ! -e $final ]] || mv "$final" "$final.old.$$"
    mv "$work" "$final"
    rm -rf "$final.old.$$"
}

# alone waits until no other run is at work on $final.
alone() {
    mkdir -p "$(dirname "$final")"
    exec 9>"$final.lock"
    flock 9
}
