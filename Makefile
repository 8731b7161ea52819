# Segue's targets. Each one that does more than a line calls a script in scripts/.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help build modules run demo test deps lint bench bench-ci bench-rollout bench-proxy fuzz generate clean e2e-build

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## build the runtime and its command line: bin/segue
	CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags "-s -w -X main.version=$(VERSION)" -o bin/segue ./cmd/segue

modules: ## build the example modules: build/modules/hello-1.0.0 and the others
	scripts/modules.sh

run: build modules ## start the runtime here, on LISTEN and ADMIN, and drop the first module into modules/
	@exec scripts/run.sh

demo: build modules ## play a good rollout and a bad one against live traffic, in under a minute
	@exec scripts/demo.sh

e2e-build: ## build what the end-to-end tests run: build/e2e
	scripts/e2e-build.sh build/e2e

test: deps build modules e2e-build lint ## check everything and run all tests under the race detector
	scripts/test.sh
	scripts/test-uml.sh

deps: ## see to what the tests need: install it where possible, else name it
	@scripts/deps.sh

lint: ## check formatting, vet, the repository's own rules and staticcheck
	scripts/format.sh
	go vet ./...
	go test ./scripts/rules
	go run $(STATICCHECK) ./...

bench: build modules ## measure on this machine: activation, reloads, memory, canaries, the sandbox
	scripts/bench.sh

bench-ci: build modules ## a short run of the benchmarks that fails on a failed request
	scripts/bench.sh ci

bench-rollout: ## simulate how well rollouts decide: false rollbacks, and what bad releases harm
	scripts/bench.sh rollout

bench-proxy: ## measure the proxy beside nginx, HAProxy, Caddy and a bare ReverseProxy
	scripts/bench.sh proxy

fuzz: ## fuzz each fuzz target for 30 s, or for FUZZTIME
	scripts/fuzz.sh

generate: ## write the gRPC code from the .proto files again (needs protoc)
	scripts/generate.sh

clean: ## remove what was built; state and dropped modules stay
	rm -rf bin build
