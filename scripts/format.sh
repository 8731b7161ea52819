#!/usr/bin/env bash
# Fails, and names the files, where gofmt would change one.
set -euo pipefail
cd "$(dirname "$0")/.."

mapfile -d '' files < <(git ls-files -z --cached --others --exclude-standard -- '*.go')
unformatted=$(for file in "${files[@]}"; do
  [[ -f $file ]] && echo "$file"
done | xargs -r -d '\n' gofmt -l)
if [[ -n $unformatted ]]; then
  echo "not formatted; type: gofmt -w" $unformatted >&2
  exit 1
fi
