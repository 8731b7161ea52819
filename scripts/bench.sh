#!/usr/bin/env bash
# Runs the benchmarks against the real binaries and prints their tables;
# `scripts/bench.sh ci` is the short form, which is there to find failures, and
# `scripts/bench.sh rollout` the simulation of rollouts, which needs no binaries, and
# `scripts/bench.sh proxy` the proxy beside its peers, which are Debian's packages.
set -euo pipefail
cd "$(dirname "$0")/.."

mkdir -p build/bench
go build -buildvcs=false -o build/bench/ ./bench/...

if [[ ${1:-} == rollout ]]; then
  out=$PWD/build/bench-rollout
  mkdir -p "$out"
  # Virtual time is to be had in a test alone.
  go test -count=1 -timeout 20m ./bench/rollout -run '^TestTheEngine' -engine.runs 300 -engine.out "$out/engine.json"
  exec build/bench/rollout -out "$out" -engine "$out/engine.json"
fi

if [[ ${1:-} == proxy ]]; then
  scripts/deps.sh caddy
  build/bench/proxy | tee build/bench/proxy.md
  exit
fi

CGO_ENABLED=0 go build -trimpath -buildvcs=false -o build/bench/escape ./plugins/chaos/escape
if [[ ${1:-} == ci ]]; then
  build/bench/reload -n 200
  build/bench/activation -n 5
  build/bench/sandbox -n 5 -t 1s
  build/bench/proxy -t 500ms -rounds 1 -only segue,reverseproxy
  exit
fi

build/bench/activation | tee build/bench/activation.md
build/bench/reload | tee build/bench/reload.md
build/bench/memory | tee build/bench/memory.md
build/bench/canary | tee build/bench/canary.md
build/bench/sandbox | tee build/bench/sandbox.md
build/bench/slow | tee build/bench/slow.md
echo "The tables are in build/bench/*.md; bench/README.md says how each is measured."
