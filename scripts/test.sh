#!/usr/bin/env bash
# Runs every test under the race detector. `make test` calls it after the build.
set -euo pipefail
cd "$(dirname "$0")/.."

# Without this the end-to-end tests build these for themselves.
export SEGUE_E2E_BUILD=$PWD/build/e2e
export CGO_ENABLED=1
go test -race -timeout 15m "$@" ./...

# Modules of their own, for what nothing but these tests needs.
for module in proxy/conformance/h2spec proxy/conformance/interop proxy/front/acme/pebble; do
  (cd "$module" && go vet ./... && go test -race -timeout 5m "$@" ./...)
done
