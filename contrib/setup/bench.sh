#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Measures the figures of docs/benchmarks.md on this machine and prints them as Markdown. Arguments go to the program.

set -euo pipefail
cd "$(dirname "$0")/../.."
umask 022
PGVIGIL_BIN=$PWD/build exec go run ./supervisor/e2e/bench "$@"
