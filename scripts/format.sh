#!/usr/bin/env bash
# Fails, and names the files, where gofmt would change one.
set -euo pipefail
cd "$(dirname "$0")/.."

unformatted=$(find . -name '*.go' -not -path './vendor/*' -not -path './build/*' -print0 | xargs -0 gofmt -l)
if [[ -n $unformatted ]]; then
  printf 'not formatted; type: gofmt -w %s\n' "${unformatted//$'\n'/ }" >&2
  exit 1
fi
