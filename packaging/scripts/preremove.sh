#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# On removal, not on upgrade (deb: "remove", rpm: 0 packages left): this host leaves the cluster in order. If it cannot, the
# package stays.
set -e
case "$1" in
remove | 0)
    if [ -d /run/systemd/system ]; then
        systemctl stop pgvigil.service pgvigil-dcs.service
        systemctl disable --quiet pgvigil.service pgvigil-dcs.service || :
    fi
    ;;
esac
