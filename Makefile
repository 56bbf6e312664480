# SPDX-License-Identifier: Apache-2.0

# Of two versions the one of the later commit is the higher.
VERSION  ?= 0.1.0-dev.$(shell TZ=UTC0 git log -1 --date=format-local:%Y%m%d%H%M%S --format=%cd+%h --abbrev=12 2>/dev/null || echo 0)
LDFLAGS  := -s -w -X main.version=$(VERSION)
BUILD    := build
PLUGINS  := etcd postgres haproxy keepalived pgbouncer example
ARCHS    ?= amd64 arm64
export CGO_ENABLED = 0

.PHONY: demo test lint sim modelcheck generate build package package-check bench bench-peers

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
	umask 022 && go build -trimpath -buildvcs=false -ldflags '$(LDFLAGS)' -o $(BUILD)/ ./supervisor/cmd/...
	@umask 022; for p in $(PLUGINS); do \
	  go build -trimpath -buildvcs=false -ldflags '$(LDFLAGS)' -o $(BUILD)/plugins/pgvigil-plugin-$$p ./plugins/$$p || exit 1; \
	done

package package-check: export SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null || echo 0)
package: ## RPM and DEB for each of ARCHS into build/; the same bytes for the same commit
	@for a in $(ARCHS); do GOARCH=$$a $(MAKE) --no-print-directory build BUILD=$(BUILD)/$$a || exit 1; done
	@VERSION='$(VERSION)' packaging/package.sh $(ARCHS)

package-check: package ## the packages: linters, reproducibility, install, upgrade and removal (Debian or Ubuntu, root)
	@contrib/setup/packages.sh package
	@VERSION='$(VERSION)' contrib/lab/packages_check.sh

bench: ## the figures of docs/benchmarks.md, measured here; ARGS=routers those of the router plugins
	@contrib/setup/packages.sh test
	@$(MAKE) --no-print-directory build
	@contrib/setup/bench.sh $(ARGS)

bench-peers: ## the same faults on whole deployments of pgvigil and of Patroni, in one table (root); ARGS='-peers pgvigil -n 20' for one alone
	@contrib/setup/packages.sh peers
	@$(MAKE) --no-print-directory build
	@contrib/setup/bench.sh peers $(ARGS)
