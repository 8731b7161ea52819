#!/usr/bin/env bash
# Builds what the end-to-end tests run into the directory given: segue, modules/ and
# chaos/.
set -euo pipefail
out=$(realpath -m "${1:?usage: scripts/e2e-build.sh DIR}")
cd "$(dirname "$0")/.."
mkdir -p "$out/chaos"
CGO_ENABLED=0 go build -o "$out/segue" ./cmd/segue
scripts/modules.sh "$out/modules"
for dir in plugins/chaos/*/; do
	[ -f "$dir/main.go" ] || continue
	CGO_ENABLED=0 go build -o "$out/chaos/$(basename "$dir")" "./$dir"
done

# The next release of polyglot is the same source with another manifest.
next=$(mktemp -d)
trap 'rm -rf "$next"' EXIT
sed 's/^version: .*/version: 3.1.0/' plugins/chaos/polyglot/module.yaml >"$next/module.yaml"
printf '{"Replace": {"%s": "%s"}}\n' "$PWD/plugins/chaos/polyglot/module.yaml" "$next/module.yaml" >"$next/overlay.json"
CGO_ENABLED=0 go build -overlay "$next/overlay.json" -o "$out/chaos/polyglot-next" ./plugins/chaos/polyglot
