#!/usr/bin/env bash
# Runs each fuzz target for FUZZTIME (30s), one after the other.
set -euo pipefail
cd "$(dirname "$0")/.."

found=0
while IFS=: read -r file _ target; do
  found=1
  echo "fuzz: $(dirname "$file") $target"
  go test -run '^$' -fuzz "^$target\$" -fuzztime "${FUZZTIME:-30s}" "./$(dirname "$file")"
done < <(git grep -oE '^func Fuzz[A-Za-z0-9_]+' -- '*_test.go' | sed 's/func //; s/:/::/')
((found)) || echo "fuzz: no package has a fuzz target"
