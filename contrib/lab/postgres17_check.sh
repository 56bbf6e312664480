#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Proves that a PostgreSQL bin directory (argument; default: what postgres17.sh prints) can do what
# pgvigil asks of it: initdb, start, pg_basebackup, promotion, pg_rewind, pg_waldump. Run as root it
# drops to user postgres. Leaves nothing behind; exit status 0 means that all of it worked.

set -euo pipefail

bin=${1:-$("$(dirname "$0")/postgres17.sh")}
if [[ $EUID -eq 0 ]]; then
    # The file may lie where user postgres cannot read it, so it is handed over on standard input.
    exec setpriv --reuid=postgres --regid=postgres --init-groups bash -s -- "$bin" <"$0"
fi

dir=$(mktemp -d /tmp/pgvigil-check.XXXXXX)
cleanup() {
    local data
    for data in a b; do "$bin/pg_ctl" -D "$dir/$data" -m immediate stop >/dev/null 2>&1 || true; done
    rm -rf "$dir"
}
trap cleanup EXIT
trap 'echo "failed in line $LINENO" >&2; cat "$dir"/*.log >&2 2>/dev/null || true' ERR
cd "$dir"
me=$(id -un)

sql() { "$bin/psql" -X -q -A -t -v ON_ERROR_STOP=1 -h "$dir" -p "$1" -U "$me" -d postgres -c "$2"; }
start() { "$bin/pg_ctl" -w -s -D "$dir/$1" -l "$dir/$1.log" -o "-c port=$2 -c listen_addresses= -c unix_socket_directories=$dir" start; }

"$bin/initdb" -D a -U "$me" -k --locale=C.UTF-8 -E UTF8 --auth-local=peer --auth-host=scram-sha-256 >/dev/null
echo "wal_log_hints = on
wal_keep_size = 128MB" >>a/postgresql.conf
start a 61001
sql 61001 "create table t(i int); insert into t select generate_series(1, 1000)"
"$bin/pg_basebackup" -D b -h "$dir" -p 61001 -U "$me" -X stream -c fast -R
start b 61002
sql 61002 "select pg_promote()" >/dev/null
sql 61002 "checkpoint; insert into t values (1001)"
sql 61001 "insert into t values (1002)"
"$bin/pg_ctl" -s -D a -m fast stop
"$bin/pg_rewind" -D a --source-server "host=$dir port=61002 user=$me dbname=postgres" 2>rewind.log
"$bin/pg_waldump" -n 1 "b/pg_wal/$(sql 61002 "select pg_walfile_name(pg_current_wal_lsn())")" >/dev/null
touch a/standby.signal
echo "primary_conninfo = 'host=$dir port=61002 user=$me'" >>a/postgresql.auto.conf
start a 61001
[[ $(sql 61001 "select count(*) from t where i = 1002") == 0 ]]
echo "$("$bin/postgres" -V): initdb, start, pg_basebackup, promotion, pg_rewind, pg_waldump work from $bin"
