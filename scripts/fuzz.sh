#!/usr/bin/env bash
# Runs each fuzz target for FUZZTIME (30s), one after the other.
set -euo pipefail
cd "$(dirname "$0")/.."

targets=$(git grep -hoE '^func Fuzz[A-Za-z0-9_]+' -- '*_test.go' | sort -u || true)
if [[ -z $targets ]]; then
  echo "fuzz: no package has a fuzz target"
  exit
fi
git grep -lE '^func Fuzz' -- '*_test.go' | xargs -n 1 dirname | sort -u | while read -r dir; do
  (cd "$dir" && grep -hoE '^func Fuzz[A-Za-z0-9_]+' -- *_test.go) | while read -r _ target; do
    echo "fuzz: $dir $target"
    go test -run '^$' -fuzz "^$target\$" -fuzztime "${FUZZTIME:-30s}" "./$dir"
  done
done
