#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Nothing is started or restarted: an upgrade takes effect with "systemctl restart pgvigil", which PostgreSQL does
# not notice.
set -e
if [ -d /run/systemd/system ]; then
    systemd-tmpfiles --create pgvigil.conf || true
    systemctl daemon-reload || true
fi
