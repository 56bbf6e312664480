#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Checks the packages that "make package" left in build/: linters, the same bytes from another build, and what installing,
# upgrading, removing and purging do in a bare Debian (DEB by dpkg, RPM by rpm --root). Needs root, on Debian or Ubuntu.
#   VERSION=… SOURCE_DATE_EPOCH=… packages_check.sh
#   packages_check.sh --clean      remove the Debian it keeps, in the cache of postgres17.sh

set -euo pipefail

# In a mount namespace of its own, what is mounted here ends with it.
[[ -n ${PGVIGIL_UNSHARED:-} ]] || PGVIGIL_UNSHARED=yes exec unshare --mount "$0" "$@"

cd "$(dirname "$0")/../.."
export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:$PATH
readonly top=$PWD base=${PGVIGIL_LAB_CACHE:-/var/cache/pgvigil}/debian
codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")

say() { echo "package-check: $*" >&2; }
die() { say "FAILED: $*"; exit 1; }

# same fails unless two texts are the same.
same() { [[ $2 == "$3" ]] || die "$1: want"$'\n'"$2"$'\n'"got"$'\n'"$3"; }

# mirror prints the mirror that this machine's apt uses.
mirror() {
    local uri
    uri=$(apt-get indextargets "Codename: $codename" 'Created-By: Packages' --format '$(REPO_URI)' | head -1)
    [[ -n $uri ]] || die "no mirror for $codename among the apt sources of this machine (run apt-get update?)"
    echo "${uri%/}"
}

# debian makes the base that every check starts from, once.
debian() {
    [[ ! -d $base ]] || return 0
    say "making a bare $codename in $base"
    rm -rf "$base.new"
    mkdir -p "${base%/*}"
    debootstrap --variant=minbase "$codename" "$base.new" "$(mirror)" >&2
    rm -rf "$base.new"/var/cache/apt/archives/*.deb
    mv "$base.new" "$base"
}

# fresh puts a new copy of the base at $root.
fresh() {
    root=$work/$1/root
    mkdir -p "$work/$1"/{upper,overlay,root}
    mount -t overlay overlay -o "lowerdir=$base,upperdir=$work/$1/upper,workdir=$work/$1/overlay" "$root"
}

inside() { PATH=/usr/sbin:/usr/bin:/sbin:/bin chroot "$root" "$@"; }

# in_use tells the processes that live in the root; nothing may be started.
in_use() { find /proc/[0-9]*/root -maxdepth 0 -lname "$root" 2>/dev/null || true; }

linters() {
    local out
    lintian --allow-root --display-info --fail-on error,warning,info build/pgvigil_*.deb || die "lintian: see packaging/debian/lintian-overrides"
    out=$(rpmlint --config packaging/rpmlint.toml build/pgvigil-*.rpm) || true
    grep -q ' 0 errors, 0 warnings' <<<"$out" || die "rpmlint: see packaging/rpmlint.toml"$'\n'"$out"
}

# again builds from another directory, with another umask and time zone, and files of other times.
again() {
    local file
    mkdir "$work/again"
    git ls-files -z | xargs -0 cp --parents -t "$work/again"
    (umask 077 && TZ=Asia/Tokyo make --no-print-directory -C "$work/again" package ARCHS="$arch" VERSION="$VERSION" >/dev/null)
    for file in "$deb" "$rpm"; do
        cmp "$file" "$work/again/$file" || die "another build of the same files gave other bytes"
    done
}

# next packs the same programs as a later version.
next() {
    mkdir "$work/next"
    VERSION=99.0.0 packaging/package.sh --only "$work/next" "$arch" >/dev/null
}

# dpkg_quiet runs dpkg and prints what else than its own lines comes of it.
dpkg_quiet() {
    local out
    out=$(inside dpkg "$@" 2>&1) || die "dpkg $*"$'\n'"$out"
    grep -vE '^(Selecting|\(Reading|Preparing|Unpacking|Setting up|Removing|Purging)|^$' <<<"$out" || true
}

# owner prints who may use the directory of the configuration.
owner() { inside stat -c '%U:%G %a' /etc/pgvigil; }

# files are those that every package must bring.
files() {
    local path
    for path in usr/bin/pgvigil{,d} usr/libexec/pgvigil/{pgvigil-launcher,plugins/pgvigil-plugin-{etcd,postgres,haproxy,keepalived,pgbouncer}} \
        usr/lib/systemd/system/pgvigil{,d,-dcs,-postgres@}.service usr/lib/udev/rules.d/70-pgvigil-watchdog.rules usr/lib/tmpfiles.d/pgvigil.conf \
        usr/lib/firewalld/services/pgvigil-{hosts,clients}.xml usr/share/man/man{1/pgvigil.1,8/pgvigild.8}.gz \
        usr/share/{bash-completion/completions/pgvigil,fish/vendor_completions.d/pgvigil.fish,zsh/"$1"/_pgvigil} \
        usr/share/pgvigil/{90-pgvigil,pgvigil-softdog}.conf usr/share/polkit-1/rules.d/50-pgvigil.rules; do
        [[ -e $root/$path || -L $root/$path ]] || die "there is no /$path"
    done
    inside /usr/bin/pgvigil version | grep -qF "$VERSION" || die "pgvigil is not of version $VERSION"
    inside bash -n /usr/share/bash-completion/completions/pgvigil
    same "enabled units" "" "$(find "$root/etc/systemd" -name 'pgvigil*' 2>/dev/null)"
    same "started processes" "" "$(in_use)"
}

# data makes what no package may delete.
data() {
    mkdir -p "$root/var/lib/pgvigil/demo" "$root/var/lib/postgresql/data"
    touch "$root/etc/pgvigil/pgvigil.hcl" "$root/var/lib/pgvigil/demo/state" "$root/var/lib/postgresql/data/PG_VERSION"
}
data_is_there() { [[ -f $root/etc/pgvigil/pgvigil.hcl && -f $root/var/lib/pgvigil/demo/state && -f $root/var/lib/postgresql/data/PG_VERSION ]] || die "$1 deleted data"; }
gone() { same "left of the package" "" "$(cd "$root" && find usr/bin usr/lib usr/libexec usr/share -name '*pgvigil*' 2>/dev/null)"; }

readonly not_empty="dpkg: warning: while removing pgvigil, directory '/etc/pgvigil' not empty so not removed"
readonly stays="pgvigil: /etc/pgvigil stays; delete it if it is not needed any more.
pgvigil: /var/lib/pgvigil stays; delete it if it is not needed any more.
pgvigil: PostgreSQL's data directory stays as it is."

debs() {
    fresh deb
    cp "$deb" "$root/one.deb"
    cp "$work"/next/*.deb "$root/two.deb"
    same "dpkg says on installation" "" "$(dpkg_quiet -i one.deb)"
    same "/etc/pgvigil without PostgreSQL" "root:root 755" "$(owner)"
    files vendor-completions
    inside groupadd -r postgres
    same "dpkg says on an upgrade" "" "$(dpkg_quiet -i two.deb)"
    same "the version after an upgrade" "99.0.0-1" "$(inside dpkg-query -f '${Version}' -W pgvigil)"
    same "/etc/pgvigil with PostgreSQL" "root:postgres 750" "$(owner)"
    data
    same "dpkg says on removal" "" "$(dpkg_quiet -r pgvigil)"
    gone
    data_is_there removal
    same "dpkg says on purge" "$stays"$'\n'"$not_empty" "$(dpkg_quiet -P pgvigil)"
    data_is_there purge
    same "the state after purge" "" "$(inside dpkg-query -f '${Status}' -W pgvigil 2>/dev/null || true)"
    same "dpkg says on a new installation" "" "$(dpkg_quiet -i one.deb)"
    same "started processes" "" "$(in_use)"
    deb_scripts
}

# deb_scripts calls the scripts as dpkg does where something went wrong (Debian's policy, 6.5).
deb_scripts() {
    local call
    while read -r call; do
        # shellcheck disable=SC2086
        same "pgvigil.$call" "" "$(inside /var/lib/dpkg/info/pgvigil.$call 2>&1 || echo "exit status $?")"
    done <<'CALLS'
prerm upgrade 99
prerm failed-upgrade 1
prerm deconfigure in-favour other 1
prerm remove in-favour other 1
postinst abort-upgrade 99
postinst abort-remove
postinst abort-remove in-favour other 1
postinst abort-deconfigure in-favour other 1
postrm upgrade 99
postrm failed-upgrade 1
postrm abort-install
postrm abort-upgrade 99
postrm disappear other 1
CALLS
}

# rpm_quiet runs rpm on the root. What packages ask for is not known to an rpm in a Debian.
rpm_quiet() { rpm --root "$root" --nodeps --force-debian "$@" 2>&1 || die "rpm $*"; }

rpms() {
    fresh rpm
    rpm --root "$root" --initdb
    inside groupadd -r postgres
    same "rpm says on installation" "" "$(rpm_quiet -i "$rpm")"
    files site-functions
    same "/etc/pgvigil" "root:postgres 750" "$(owner)"
    same "rpm -V" "" "$(rpm_quiet -V pgvigil)"
    data
    same "rpm says on an upgrade" "" "$(rpm_quiet -U "$work"/next/*.rpm)"
    same "the version after an upgrade" "99.0.0" "$(rpm --root "$root" -q --qf '%{VERSION}' pgvigil)"
    same "rpm -V after an upgrade" "" "$(rpm_quiet -V pgvigil)"
    data_is_there "an upgrade"
    same "rpm says on erasure" "$stays" "$(rpm_quiet -e pgvigil | grep -v '^warning: directory /etc/pgvigil: remove failed')"
    gone
    data_is_there erasure
    same "started processes" "" "$(in_use)"
}

main() {
    case ${1:-} in
    --clean) rm -rf "$base"; exit 0 ;;
    '') ;;
    *) die "unknown argument $1 (known: --clean)" ;;
    esac
    [[ $EUID -eq 0 ]] || die "run this as root"
    : "${VERSION:?}" "${SOURCE_DATE_EPOCH:?}"
    arch=$(dpkg --print-architecture)
    deb=$(ls build/pgvigil_*_"$arch".deb) rpm=$(ls build/pgvigil-*."$(uname -m)".rpm)
    work=$(mktemp -d /var/tmp/pgvigil-packages.XXXXXX)
    trap 'cd "$top"; umount "$work"/*/root 2>/dev/null || true; rm -rf "$work"' EXIT
    local step
    debian
    for step in ${STEPS:-linters again next debs rpms}; do
        say "$step"
        "$step"
    done
    say "passed"
    ls -l "$deb" "$rpm" >&2
}

main "$@"
