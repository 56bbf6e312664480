#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# On removal, not on upgrade (deb: "remove", rpm: 0 packages left): this host leaves the cluster in order.
set -e
case "$1" in
remove | 0)
    if [ -d /run/systemd/system ]; then
        systemctl disable --now pgvigil.service pgvigil-dcs.service || true
    fi
    ;;
esac
