#!/usr/bin/env bash
# Runs the benchmarks against the real binaries and prints their tables;
# `scripts/bench.sh ci` is the short form, which is there to find failures.
set -euo pipefail
cd "$(dirname "$0")/.."

mkdir -p build/bench
go build -buildvcs=false -o build/bench/ ./bench/...

if [[ ${1:-} == ci ]]; then
  build/bench/reload -n 200
  build/bench/activation -n 5
  exit
fi

build/bench/activation | tee build/bench/activation.md
build/bench/reload | tee build/bench/reload.md
build/bench/memory | tee build/bench/memory.md
echo "The tables are in build/bench/*.md; bench/README.md says how each is measured."
