#!/usr/bin/env bash
# Runs every test under the race detector. `make test` calls it after the build.
set -euo pipefail
cd "$(dirname "$0")/.."

export CGO_ENABLED=1
exec go test -race -timeout 15m "$@" ./...
