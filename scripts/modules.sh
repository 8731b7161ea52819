#!/usr/bin/env bash
# Builds the example modules into build/modules/, or into the folder that is named.
# `make modules` calls it.
set -euo pipefail
cd "$(dirname "$0")/.."

out=${1:-build/modules}
mkdir -p "$out"

# module FILE PACKAGE [go build's own arguments]
module() {
  local file=$1 package=$2
  shift 2
  CGO_ENABLED=0 go build -trimpath -buildvcs=false "$@" -o "$out/$file" "$package"
}

module hello-1.0.0 ./plugins/hello

# Another release may be the same source with another manifest, which an overlay puts
# in the place of the first.
next=$(mktemp -d)
trap 'rm -rf "$next"' EXIT

# again VERSION PACKAGE
again() {
  local version=$1 package=$2
  sed "s/^version: .*/version: $version/" "$package/module.yaml" >"$next/module.yaml"
  printf '{"Replace": {"%s": "%s"}}\n' "$PWD/$package/module.yaml" "$next/module.yaml" >"$next/overlay.json"
  module "hello-$version" "./$package" -overlay "$next/overlay.json"
}

again 1.1.0 plugins/hello
again 2.0.0-flaky plugins/chaos/errors

printf '%s\n' errors crash slow unready hang stall hog |
  xargs -P "$(nproc)" -I FAULT env CGO_ENABLED=0 \
    go build -trimpath -buildvcs=false -o "$out/hello-2.0.0-FAULT" ./plugins/chaos/FAULT
