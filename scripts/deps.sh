#!/usr/bin/env bash
# Sees to what the tests need. Installs what it can (as root on Debian and its
# kin); otherwise names what is missing, with the command to type, and exits 1.
# Arguments are further commands that are needed, of packages of the same name.
set -euo pipefail
cd "$(dirname "$0")/.."

want_go=$(awk '$1 == "go" { print $2 }' go.mod)

# Each line: the command that must be there, and the Debian package that has it.
needs='git git
rsync rsync
scp openssh-client
curl curl
gcc gcc
setpriv util-linux
linux.uml user-mode-linux
nginx nginx-light
haproxy haproxy'

for command in "$@"; do needs+=$'\n'"$command $command"; done

# Daemons are where an ordinary user's path often does not lead.
PATH=$PATH:/usr/sbin

missing_packages() {
  while read -r command package; do
    command -v "$command" >/dev/null || echo "$package"
  done <<<"$needs"
  # The race detector links with cgo, and needs the C library's headers.
  if [[ ! -e /usr/include/stdlib.h ]] && command -v dpkg >/dev/null; then
    echo libc6-dev
  fi
}

failed=0

if ! command -v go >/dev/null; then
  echo "deps: go is missing; install Go $want_go or newer: see go.dev/doc/install" >&2
  failed=1
elif ! have_go=$(go env GOVERSION 2>&1); then
  # An old go refuses to work in this folder at all.
  echo "deps: ${have_go##*$'\n'}; install Go $want_go or newer: see go.dev/doc/install" >&2
  failed=1
elif [[ $(printf '%s\n' "$want_go" "${have_go#go}" | sort -V | head -n 1) != "$want_go" ]]; then
  echo "deps: go is ${have_go#go}, $want_go or newer is needed: see go.dev/doc/install" >&2
  failed=1
fi

mapfile -t packages < <(missing_packages)
if ((${#packages[@]})) && ((EUID == 0)) && command -v apt-get >/dev/null; then
  echo "deps: installing ${packages[*]}"
  export DEBIAN_FRONTEND=noninteractive
  if apt-get update -qq && apt-get install -qq -y --no-install-recommends "${packages[@]}"; then
    hash -r
    # Tests start these by themselves; Debian starts what it installs for all the world.
    for daemon in nginx haproxy caddy; do
      if [[ " ${packages[*]}" == *" $daemon"* ]] && command -v systemctl >/dev/null; then
        systemctl disable --now "$daemon" 2>/dev/null || true
      fi
    done
    mapfile -t packages < <(missing_packages)
  fi
fi
if ((${#packages[@]})); then
  echo "deps: missing: ${packages[*]}" >&2
  if command -v apt-get >/dev/null; then
    echo "deps: type: sudo apt-get update && sudo apt-get install -y ${packages[*]}" >&2
  else
    echo "deps: those are Debian's names; install them with this system's package manager" >&2
  fi
  failed=1
fi
exit "$failed"
