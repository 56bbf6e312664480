#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Makes the DEB of this machine's architecture in two versions, from the files as they are here, for the tests that upgrade one.
#   packages.sh DIR    DIR/0.1.0/ and DIR/0.2.0/ get one each

set -euo pipefail
out=$(realpath -m "${1:?directory}")
cd "$(dirname "$0")/../.."
tree=$(mktemp -d /tmp/pgvigil-packages.XXXXXX)
trap 'rm -rf "$tree"' EXIT
git ls-files -z | xargs -0 cp --parents -t "$tree"
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH PACKAGERS=deb
for version in 0.1.0 0.2.0; do
    make --no-print-directory -C "$tree" package ARCHS="$(go env GOARCH)" VERSION="$version" >&2
    mkdir -p "$out/$version"
    mv "$tree"/build/pgvigil_*.deb "$out/$version/"
done
