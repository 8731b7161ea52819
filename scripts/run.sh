#!/usr/bin/env bash
# Starts the runtime in the foreground and, once it is ready, drops the first
# module into modules/. `make run` calls it after the build. LISTEN and ADMIN say
# where it serves.
set -euo pipefail
cd "$(dirname "$0")/.."

listen=${LISTEN:-127.0.0.1:8080}
admin=${ADMIN:-127.0.0.1:8081}

# answers is true where somebody accepts connections on host:port.
answers() { (exec 3<>"/dev/tcp/${1%:*}/${1##*:}") 2>/dev/null; }

for address in "$listen" "$admin"; do
  if answers "$address"; then
    cat >&2 <<END
run: $address is in use. Stop what listens there (ss -ltnp shows it), or take others:
     make run LISTEN=127.0.0.1:9080 ADMIN=127.0.0.1:9081
END
    exit 1
  fi
done

# ready is true when the runtime says so.
ready() {
  local code
  exec 3<>"/dev/tcp/${admin%:*}/${admin##*:}" || return 1
  printf 'GET /readyz HTTP/1.0\r\nHost: %s\r\n\r\n' "$admin" >&3
  read -r _ code _ <&3
  [[ $code == 200 ]]
}

# greet waits for the runtime, which will have the pid of this shell, drops the
# first module unless one is there from an earlier run, and says what to do next.
greet() {
  local tries=300
  until (ready) 2>/dev/null; do
    ((tries-- > 0)) && kill -0 $$ 2>/dev/null || return 0
    sleep 0.1
  done
  local dropped="hello is there from an earlier run; it serves what it served then."
  if ! bin/segue show hello >/dev/null 2>&1; then
    mkdir -p modules
    cp build/modules/hello-1.0.0 modules/
    dropped="build/modules/hello-1.0.0 was dropped into modules/."
  fi
  local here
  here=$(printf %q "$PWD")
  cat <<END

Segue is ready. $dropped
In another terminal, in this folder, try:

  # segue and its runtime, from any folder
  export SEGUE_STATE=$here/.segue PATH=$here/bin:\$PATH
  # who answers, and in which release
  curl -i http://$listen/hello/version
  # some traffic, so that a bad release is found out (it runs for five minutes)
  go run ./bench/load -url http://$listen -for 5m

and in a third one:

  export SEGUE_STATE=$here/.segue PATH=$here/bin:\$PATH
  # a new release: traffic moves over step by step
  cp build/modules/hello-1.1.0 modules/
  segue show hello --watch
  # when that is done (Ctrl-C ends the watching), a bad one, which fails every
  # request: it is taken back
  cp build/modules/hello-2.0.0-errors modules/
  segue show hello --watch
  # everything that happened, and why
  segue events

Ctrl-C stops it, with everything it started. To start over after that:
  rm -rf .segue modules

END
}

# Once this shell has become the runtime, greet is no child of it.
(greet &)
exec bin/segue run --listen "$listen" --admin "$admin"
