#!/usr/bin/env bash
# Writes the gRPC code from the .proto files again, with pinned generators.
set -euo pipefail
cd "$(dirname "$0")/.."

if ! command -v protoc >/dev/null; then
  echo "generate: protoc is missing; type: sudo apt-get install -y protobuf-compiler" >&2
  exit 1
fi
tools=$PWD/build/tools
GOBIN=$tools go install google.golang.org/protobuf/cmd/protoc-gen-go
GOBIN=$tools go install google.golang.org/grpc/cmd/protoc-gen-go-grpc@v1.6.2
git ls-files -z -- '*.proto' | xargs -0 env PATH="$tools:$PATH" protoc \
  --go_out=. --go_opt=paths=source_relative \
  --go-grpc_out=. --go-grpc_opt=paths=source_relative
