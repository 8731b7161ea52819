#!/usr/bin/env bash
# Plays a good rollout and a bad one against live traffic. `make demo` calls it
# after the build; the play itself is bench/demo.
set -euo pipefail
cd "$(dirname "$0")/.."

mkdir -p build/bench
go build -buildvcs=false -o build/bench/demo ./bench/demo
exec build/bench/demo "$@"
