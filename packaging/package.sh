#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Packs what "make build" left in build/ARCH into build/, as DEB and RPM (nfpm.yaml). What both hold beside programs is made in
# build/package.
#   VERSION=… SOURCE_DATE_EPOCH=… package.sh ARCH…    PACKAGERS=deb leaves the other out
#   VERSION=… SOURCE_DATE_EPOCH=… package.sh --only DIR ARCH…    only pack what an earlier run made, into DIR

set -euo pipefail
cd "$(dirname "$0")/.."
umask 022

readonly nfpm=github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.43.0
readonly out=build/package
readonly share=$out/root/usr/share

# pgvigil runs the command on the machine that builds, whatever it builds for.
pgvigil() { go run -trimpath ./supervisor/cmd/pgvigil "$@"; }

manual() {
    mkdir -p "$share"/man/man{1,8}
    pgvigil gen man "$share/man/man1"
    cp packaging/man/*.8 "$share/man/man8"
    gzip -9n "$share"/man/man?/*
}

completions() {
    mkdir -p "$share"/{bash-completion/completions,fish/vendor_completions.d}
    pgvigil completion bash >"$share/bash-completion/completions/pgvigil"
    pgvigil completion fish >"$share/fish/vendor_completions.d/pgvigil.fish"
    pgvigil completion zsh >"$out/_pgvigil"
}

# settings are those of the kernel, to be copied to /etc/sysctl.d.
settings() {
    mkdir -p "$share/pgvigil"
    pgvigil render sysctl --config contrib/examples/three-hosts/mdw.hcl >"$share/pgvigil/90-pgvigil.conf"
}

changelog() {
    mkdir -p "$share/doc/pgvigil"
    gzip -9nc CHANGELOG.md >"$share/doc/pgvigil/changelog.gz"
    cat >"$out/changelog.yaml" <<YAML
- semver: "$VERSION"
  date: $(date -u -d "@$SOURCE_DATE_EPOCH" +%Y-%m-%dT%H:%M:%SZ)
  packager: pgvigil <packages@pgvigil.invalid>
  deb:
    urgency: medium
    distributions: [unstable]
  changes:
    - note: What is new is told in /usr/share/doc/pgvigil/changelog.gz.
YAML
}

# licenses prints those of the libraries that are linked into the programs.
licenses() {
    local module version dir files
    go list -deps -f '{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}} {{.Dir}}{{end}}{{end}}' ./supervisor/cmd/... ./plugins/... |
        LC_ALL=C sort -u | while read -r module version dir; do
        mapfile -t files < <(find "$dir" -maxdepth 1 -type f \( -iname 'licen[cs]e*' -o -iname 'copying*' -o -iname 'notice*' \) | LC_ALL=C sort)
        [[ ${#files[@]} -gt 0 ]] || { echo "package: no license in $dir" >&2; return 1; }
        printf '\n==== %s %s ====\n\n' "$module" "$version"
        cat "${files[@]}"
    done
    printf '\n==== Go ====\n\n'
    cat "$(go env GOROOT)/LICENSE"
}

shared() {
    rm -rf "$out" build/pgvigil_*.deb build/pgvigil-*.rpm
    mkdir -p "$share"
    manual
    completions
    settings
    changelog
    licenses | gzip -9n >"$out/third-party-licenses.gz"
}

target=build/
if [[ $1 == --only ]]; then target=$2; shift 2; else shared; fi
for arch in "$@"; do
    for packager in ${PACKAGERS:-deb rpm}; do
        ARCH=$arch go run "$nfpm" package --packager "$packager" --target "$target"
    done
done
