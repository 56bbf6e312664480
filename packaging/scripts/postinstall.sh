#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Nothing is started or restarted: an upgrade takes effect with "systemctl restart pgvigil", which PostgreSQL does
# not notice.
set -e

# The group is made by PostgreSQL's packages. Without it the directory is open, until an upgrade finds the group.
if ! getent group postgres >/dev/null; then
    chmod 0755 /etc/pgvigil
elif [ "$(stat -c %G /etc/pgvigil)" = root ]; then
    chgrp postgres /etc/pgvigil
    chmod 0750 /etc/pgvigil
fi

if [ -S /run/udev/control ]; then
    udevadm control --reload && udevadm trigger --action=change --sysname-match='watchdog*' || :
fi
if [ -d /run/systemd/system ]; then
    systemd-tmpfiles --create pgvigil.conf || :
    journalctl --update-catalog || :
    systemctl daemon-reload || :
    # deb: configure, and the version before; rpm: 2 on an upgrade.
    case "$1 $2" in
    "configure "?* | "2 "*)
        if systemctl is-active --quiet pgvigil.service; then
            echo 'pgvigil: the supervisor from before the upgrade goes on. "systemctl restart pgvigil" starts the new one; PostgreSQL' \
                'and the leadership go on.'
        fi
        ;;
    esac
fi
