#!/usr/bin/env bash
# Runs the tests of cgroups once more under a kernel that has version 2 of them, as root
# and as an ordinary user to whom a group is delegated. Only x86 has such a kernel
# (User-Mode Linux); elsewhere it says so.
set -euo pipefail
cd "$(dirname "$0")/.."

if [[ $(uname -m) != x86_64 ]]; then
  echo "test-uml: User-Mode Linux is for x86; cgroups of version 2 are not tested on $(uname -m)"
  exit
fi
package=runtime/sandbox/cgroup
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
chmod 755 "$dir"
CGO_ENABLED=0 go test -c -o "$dir/test" "./$package"
for user in 0 65534; do
  echo "test-uml: $package as user $user"
  # The tests must be alone in their group: nothing else may be started beside them.
  (cd "$package" && ../../../scripts/uml.sh -u "$user" env CGROUP_TEST_MUST=1 "$dir/test" -test.timeout 120s)
done
