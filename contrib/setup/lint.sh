#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Everything about the source that needs no running cluster.

set -euo pipefail
cd "$(dirname "$0")/../.."

step() { echo "lint: $*" >&2; }

step gofmt
unformatted=$(git ls-files '*.go' | xargs gofmt -l)
[[ -z $unformatted ]] || { echo "gofmt would change: $unformatted" >&2; exit 1; }

step "go vet"
go vet ./...
go vet -tags e2e ./supervisor/...

step golangci-lint
go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0 run ./...

step "unit files"
contrib/setup/units.sh

step "buf lint"
(cd proto && go run github.com/bufbuild/buf/cmd/buf@v1.75.0 lint)

step "generated code"
contrib/setup/generate.sh
git diff --exit-code -- proto docs/rules.md || { echo "generated code is stale: make generate" >&2; exit 1; }

step govulncheck
# The database of vulnerabilities is fetched from the network; without it there is nothing to compare with.
if out=$(go run golang.org/x/vuln/cmd/govulncheck@v1.9.0 ./... 2>&1); then echo "$out" | tail -1
elif grep -qE 'fetching vulnerabilities|no such host|connect|dial|timeout|403|Forbidden' <<<"$out"; then step "govulncheck: database not reachable, nothing was checked"
else echo "$out" >&2; exit 1; fi
