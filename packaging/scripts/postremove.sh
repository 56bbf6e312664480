#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
set -e
if [ -d /run/systemd/system ]; then
    systemctl daemon-reload || :
    journalctl --update-catalog || :
fi
# Data is never deleted. rpm has no purge, and is told here as well.
case "$1" in
purge | 0)
    for left in /etc/pgvigil /var/lib/pgvigil; do
        [ -z "$(ls -A "$left" 2>/dev/null)" ] || echo "pgvigil: $left stays; delete it if it is not needed any more."
    done
    echo "pgvigil: PostgreSQL's data directory stays as it is."
    ;;
esac
