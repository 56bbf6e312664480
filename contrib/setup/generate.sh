#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Generates what is generated: the protocol's Go code and the page of rules.

set -euo pipefail
cd "$(dirname "$0")/../.."

tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
GOBIN=$tools go install google.golang.org/protobuf/cmd/protoc-gen-go
GOBIN=$tools go install google.golang.org/grpc/cmd/protoc-gen-go-grpc@v1.6.2
(cd proto && PATH=$tools:$PATH go run github.com/bufbuild/buf/cmd/buf@v1.75.0 generate)
go run ./supervisor/cmd/pgvigil rules --markdown >docs/rules.md
