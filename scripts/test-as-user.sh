#!/usr/bin/env bash
# As root, runs the tests of what works differently without privileges once more
# as an ordinary user, in a copy of the repository that is theirs. For everybody
# else `make test` has done so already. Arguments are other packages to test.
set -euo pipefail
cd "$(dirname "$0")/.."

packages=("$@")
((${#packages[@]})) || packages=(runtime/watch runtime/artifact runtime/launch runtime/sandbox runtime/sandbox/cgroup runtime/sandbox/seccomp runtime/sandbox/landlock runtime/sandbox/watchdog runtime/gateway runtime/instance cmd/segue/e2e)

if ((EUID != 0)); then
  echo "test-as-user: this is an ordinary user"
  exit
fi

user=65534 # nobody
other=1    # daemon
# A short name: sockets below it must stay under 108 bytes.
home=$(mktemp -d /tmp/su.XXXX)
beside=
trap '[[ -z $beside ]] || kill "$beside" 2>/dev/null || true; rm -rf "$home"' EXIT
mkdir "$home/repo" "$home/t" "$home/cache" "$home/tests"

# The compiled tests and what they run, built here, where the caches are.
if [[ " ${packages[*]} " == *" cmd/segue/e2e "* ]]; then
  scripts/e2e-build.sh "$home/built"
fi
for package in "${packages[@]}"; do
  CGO_ENABLED=1 go test -race -c -o "$home/tests/${package//\//-}" "./$package"
done

# The repository, what was built, and the libraries for tests that build something.
{
  git ls-files -z --cached --others --exclude-standard
  find bin build/modules -type f -print0 2>/dev/null || true
} | tar --create --null --files-from=- --ignore-failed-read 2>/dev/null | tar --extract --directory "$home/repo"
(cd "$home/repo" && go mod vendor)
chmod 755 "$home"
chown -R "$user:$user" "$home"

# Of the end-to-end tests those that meet the machine: files, processes, users, the
# sandbox. What a rollout decides is the same for everybody, and tested as root.
meet='^Test(ADropped|ARelease|NoRequestFails|AGradual|Files|KilledAtAny|NoModule|AStable|AStateDir|APort|ASecond|EveryWay|AFile|Removing|AModule|AManifest|Nothing|NoAttack|WithFewer|Escape|ALevel|EveryChange|ChangesOver|AnotherUser|ACandidateThatRuns|AQuota|Traffic)'

# run tests a package as a user, with what is theirs below a folder.
run() {
  local package=$1 user=$2 own=$3 only=()
  [[ $package != cmd/segue/e2e ]] || only=(-test.run "$meet")
  cd "$home/repo/$package"
  exec setpriv --reuid="$user" --regid="$user" --clear-groups --inh-caps=-all \
    env -i PATH="$PATH" HOME="$own" TMPDIR="$own/t" GOCACHE="$own/cache" \
    GOPROXY=off GOFLAGS=-buildvcs=false GOTOOLCHAIN=local \
    SEGUE_E2E_BUILD="$home/built" CI="${CI:-}" \
    "$home/tests/${package//\//-}" -test.timeout=10m "${only[@]}"
}

# The end-to-end tests wait more than they work: the others run beside them, as another
# user, since limits of processes count all of a user's.
if ((${#packages[@]} > 1)) && [[ " ${packages[*]} " == *" cmd/segue/e2e "* ]]; then
  mkdir -p "$home/d/t" "$home/d/cache"
  chown -R "$other:$other" "$home/d"
  (run cmd/segue/e2e "$other" "$home/d") >"$home/e2e.log" 2>&1 &
  beside=$!
fi
for package in "${packages[@]}"; do
  [[ -z $beside || $package != cmd/segue/e2e ]] || continue
  echo "test-as-user: $package"
  (run "$package" "$user" "$home")
done
if [[ -n $beside ]]; then
  echo "test-as-user: cmd/segue/e2e"
  wait "$beside" || { cat "$home/e2e.log"; exit 1; }
  tail -n 1 "$home/e2e.log"
fi
