#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Checks the unit files: no unknown settings, and no more exposure than 2.5 by systemd's own measure.

set -euo pipefail
cd "$(dirname "$0")/../../packaging/root/usr/lib/systemd/system"

if ! command -v systemd-analyze >/dev/null; then
    echo "units: systemd-analyze is not installed, nothing was checked" >&2
    exit 0
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for unit in *.service; do
    # Our own programs need not be installed.
    sed 's|^ExecStart=/usr/[^ ]*|ExecStart=/bin/sh|' "$unit" >"$work/$unit"
    complaints=$(systemd-analyze verify --man=no "$work/$unit" 2>&1) || true
    [[ -z $complaints ]] || { echo "$complaints" >&2; exit 1; }
    systemd-analyze security --no-pager --offline=true --threshold=25 "$work/$unit" >"$work/report" ||
        { grep -v '^✓' "$work/report" >&2; exit 1; }
done
