#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Checks the packages that "make package" left in build/: linters, the same bytes from another build, and what installing,
# upgrading, removing and purging do: in a bare Debian (DEB by dpkg, RPM by rpm --root), and on a host with systemd and a
# running cluster (systemd-nspawn). Needs root, on Debian or Ubuntu.
#   VERSION=… SOURCE_DATE_EPOCH=… packages_check.sh
#   STEPS="next debs" …            only these steps; the last three need next
#   packages_check.sh --clean      remove the Debians it keeps, in the cache of postgres17.sh

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

# host makes from it, once, a host with systemd and PostgreSQL.
host() {
    [[ ! -d $base-host ]] || return 0
    say "adding systemd and PostgreSQL in $base-host"
    rm -rf "$base-host.new"
    cp -a "$base" "$base-host.new"
    root=$base-host.new
    mkdir -p "$root/etc/postgresql-common"
    echo 'create_main_cluster = false' >"$root/etc/postgresql-common/createcluster.conf"
    apt-config dump | grep '^Acquire::http' >"$root/etc/apt/apt.conf.d/90proxy" || true
    cp /etc/resolv.conf /etc/hosts "$root/etc/"
    # Nothing of what is installed may start here.
    printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
    chmod 755 "$root/usr/sbin/policy-rc.d"
    inside apt-get -qq update
    inside env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends systemd systemd-sysv dbus udev postgresql >&2
    rm -rf "$root"/var/cache/apt/archives/*.deb "$root/usr/sbin/policy-rc.d"
    mv "$base-host.new" "$base-host"
}

# fresh puts a new copy of a base at $root.
fresh() {
    root=$work/$1/root
    mkdir -p "$work/$1"/{upper,overlay,root}
    mount -t overlay overlay -o "lowerdir=${2:-$base},upperdir=$work/$1/upper,workdir=$work/$1/overlay" "$root"
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

# dpkg_quiet runs dpkg, inside the root or on the host, and prints what else than its own lines comes of it. (A directory that
# systemd has under /lib, where that is /usr/lib, dpkg takes for the package's alone.)
dpkg_quiet() {
    local out
    out=$("$1" dpkg "${@:2}" 2>&1) || die "dpkg ${*:2}"$'\n'"$out"
    grep -vE "^(Selecting|\(Reading|Preparing|Unpacking|Setting up|Removing|Purging|Processing)|directory '/usr/lib/systemd|^$" <<<"$out" || true
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
    same "dpkg says on installation" "" "$(dpkg_quiet inside -i one.deb)"
    same "/etc/pgvigil without PostgreSQL" "root:root 755" "$(owner)"
    files vendor-completions
    inside groupadd -r postgres
    same "dpkg says on an upgrade" "" "$(dpkg_quiet inside -i two.deb)"
    same "the version after an upgrade" "99.0.0-1" "$(inside dpkg-query -f '${Version}' -W pgvigil)"
    same "/etc/pgvigil with PostgreSQL" "root:postgres 750" "$(owner)"
    data
    same "dpkg says on removal" "" "$(dpkg_quiet inside -r pgvigil)"
    gone
    data_is_there removal
    same "dpkg says on purge" "$stays"$'\n'"$not_empty" "$(dpkg_quiet inside -P pgvigil)"
    data_is_there purge
    same "the state after purge" "" "$(inside dpkg-query -f '${Status}' -W pgvigil 2>/dev/null || true)"
    same "dpkg says on a new installation" "" "$(dpkg_quiet inside -i one.deb)"
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

# within waits for a condition, at most so many seconds.
within() {
    local end=$((SECONDS + $1)) what=$2
    shift 2
    until "$@" >/dev/null 2>&1; do
        [[ $SECONDS -lt $end ]] || { on journalctl --no-pager -n 40 >&2 || true; die "$what did not come: $*"; }
        sleep 0.2
    done
}

# boot starts the root as a host with systemd, and without a network.
boot() {
    systemd-nspawn --quiet --register=no --keep-unit --boot --directory "$root" --machine pgvigil-packages --private-network \
        --console=read-only >"$work/console" 2>&1 &
    nspawn=$!
    within 60 "the host's first process" first_process
    leader=$(first_process)
    within 60 "systemd" on systemctl is-active multi-user.target
}
first_process() { pgrep --parent "$nspawn" | head -1 | grep .; }
on() { nsenter --target "$leader" --mount --uts --ipc --net --pid --cgroup -- "$@"; }
halt() {
    [[ -n ${nspawn:-} ]] || return 0
    [[ -z ${leader:-} ]] || kill -KILL "$leader" 2>/dev/null || true # with it goes all that runs in there
    kill -KILL "$nspawn" 2>/dev/null || true
    wait "$nspawn" 2>/dev/null || true
}

configure() {
    mkdir -p "$root/etc/pgvigil"
    on sh -c 'umask 077; echo secret | tee /etc/pgvigil/superuser.password >/etc/pgvigil/replication.password
        chown postgres:postgres /etc/pgvigil/*.password'
    cat >"$root/etc/pgvigil/pgvigil.hcl" <<'HCL'
cluster "demo" {
  member = "one"
  ttl    = "10s"
}
api { connect = "127.0.0.1:8008" }
dcs "etcd" {
  embedded {
    data_dir      = "/var/lib/pgvigil/etcd"
    listen_client = "http://127.0.0.1:2379"
    listen_peer   = "http://127.0.0.1:2380"
    members       = { one = "http://127.0.0.1:2380" }
  }
}
postgres {
  listen   = "127.0.0.1:5432"
  connect  = "127.0.0.1:5432"
  data_dir = "/var/lib/postgresql/demo"
  superuser { password_file = "/etc/pgvigil/superuser.password" }
  replication { password_file = "/etc/pgvigil/replication.password" }
}
HCL
    on pgvigil config validate /etc/pgvigil >&2
}

writable() { on env PGPASSWORD=secret psql -qAtX -h 127.0.0.1 -U postgres -c 'create temp table t ()'; }
supervisor() { on systemctl show --property MainPID --value pgvigil; }
postmaster() { head -1 "$root/var/lib/postgresql/demo/postmaster.pid"; }
ready() { on systemctl is-active --quiet pgvigil && on pgvigil list --check && writable; }
# epochs grow with each new leadership.
epochs() { on pgvigil history -o json; }

# programs lists those of PostgreSQL and of the package that run on the host.
programs() { on sh -c 'readlink /proc/[0-9]*/exe' | grep -E 'postgres|pgvigil' || true; }

readonly restart_hint='pgvigil: the supervisor from before the upgrade goes on. "systemctl restart pgvigil" starts the new one; PostgreSQL and the leadership go on.'

# units: what a running host notices of it.
units() {
    local daemon server history
    host
    fresh units "$base-host"
    cp "$deb" "$root/one.deb"
    cp "$work"/next/*.deb "$root/two.deb"
    boot
    same "dpkg says on installation" "" "$(dpkg_quiet on -i /one.deb)"
    same "the unit after installation" "inactive disabled" "$(on systemctl is-active pgvigil) $(on systemctl is-enabled pgvigil)"
    configure
    on systemctl enable --quiet --now pgvigil-dcs pgvigil
    within 90 "a primary" ready
    daemon=$(supervisor) server=$(postmaster) history=$(epochs)
    same "dpkg says on an upgrade" "$restart_hint" "$(dpkg_quiet on -i /two.deb)"
    same "supervisor and PostgreSQL after an upgrade" "$daemon $server" "$(supervisor) $(postmaster)"
    on systemctl restart pgvigil
    within 60 "the new supervisor's primary" ready
    [[ $(supervisor) != "$daemon" ]] || die "the supervisor was not restarted"
    same "PostgreSQL and history after the restart" "$server $history" "$(postmaster) $(epochs)"
    [[ $(programs) == *postgres* ]] || die "no program of PostgreSQL is seen"
    same "dpkg says on removal" "" "$(dpkg_quiet on -r pgvigil)"
    same "processes after removal" "" "$(programs)"
    same "enabled units after removal" "" "$(find "$root/etc/systemd" -name 'pgvigil*')"
    on sh -c '/usr/lib/postgresql/*/bin/pg_controldata /var/lib/postgresql/demo' | grep -q 'state: *shut down$' || die "PostgreSQL was not shut down in order"
    same "dpkg says on purge" "$stays"$'\n'"$not_empty" "$(dpkg_quiet on -P pgvigil)"
    [[ -f $root/var/lib/postgresql/demo/PG_VERSION && -d $root/var/lib/pgvigil/etcd ]] || die "purge deleted data"
    halt
}

main() {
    case ${1:-} in
    --clean) rm -rf "$base" "$base-host"; exit 0 ;;
    '') ;;
    *) die "unknown argument $1 (known: --clean)" ;;
    esac
    [[ $EUID -eq 0 ]] || die "run this as root"
    : "${VERSION:?}" "${SOURCE_DATE_EPOCH:?}"
    arch=$(dpkg --print-architecture)
    deb=$(ls build/pgvigil_*_"$arch".deb) rpm=$(ls build/pgvigil-*."$(uname -m)".rpm)
    work=$(mktemp -d /var/tmp/pgvigil-packages.XXXXXX)
    trap 'cd "$top"; halt; umount "$work"/*/root 2>/dev/null || true; rm -rf "$work"' EXIT
    local step
    debian
    for step in ${STEPS:-linters again next debs rpms units}; do
        say "$step"
        "$step"
    done
    say "passed"
    ls -l "$deb" "$rpm" >&2
}

main "$@"
