# SPDX-License-Identifier: Apache-2.0

VERSION  ?= 0.1.0-dev+$(shell git rev-parse --short=12 HEAD 2>/dev/null || echo unknown)
LDFLAGS  := -s -w -X main.version=$(VERSION)
BUILD    := build
PLUGINS  := etcd postgres haproxy keepalived pgbouncer example
NFPM     := github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.43.0
export CGO_ENABLED = 0

.PHONY: demo test lint sim modelcheck generate build package bench

demo: ## a real three-node cluster on this machine, with a live view; ARGS=--script plays a fixed story
	@contrib/setup/packages.sh demo
	@$(MAKE) --no-print-directory build
	@$(BUILD)/pgvigil demo $(ARGS)

test: ## install what the tests need, then run the whole suite
	@contrib/setup/packages.sh test
	@contrib/setup/test.sh $(ARGS)

lint: ## formatting, vet, linters, generated code, known vulnerabilities
	@contrib/setup/lint.sh

SEEDS ?= 10000
sim: ## play SEEDS simulated clusters under faults of each durability; SEED=n tells one
	@go run ./supervisor/internal/sim/chaos -seeds $(SEEDS) -seed $(or $(SEED),0) $(ARGS)

modelcheck: ## search all that can happen to a small cluster with quorum durability, to the end; ARGS='-scope election -states 1000000' bounds it
	@go test ./supervisor/internal/modelcheck -count=1 -v -timeout 0 -run TestCore $(or $(ARGS),-states 0)

generate: ## protocol, rule table
	@contrib/setup/generate.sh

build: ## all programs into build/
	@umask 022 && mkdir -p $(BUILD)/plugins
	umask 022 && go build -trimpath -ldflags '$(LDFLAGS)' -o $(BUILD)/ ./supervisor/cmd/...
	@umask 022; for p in $(PLUGINS); do \
	  go build -trimpath -ldflags '$(LDFLAGS)' -o $(BUILD)/plugins/pgvigil-plugin-$$p ./plugins/$$p || exit 1; \
	done

package: build ## RPM and DEB into build/
	@rm -rf $(BUILD)/man && umask 022 && mkdir -p $(BUILD)/man && $(BUILD)/pgvigil gen man $(BUILD)/man
	@for p in deb rpm; do \
	  VERSION='$(VERSION)' ARCH=$$(go env GOARCH) go run $(NFPM) package --packager $$p --target $(BUILD)/ || exit 1; \
	done

bench: ## the figures of docs/benchmarks.md, measured here; ARGS=routers those of the router plugins
	@contrib/setup/packages.sh test
	@$(MAKE) --no-print-directory build
	@contrib/setup/bench.sh $(ARGS)
