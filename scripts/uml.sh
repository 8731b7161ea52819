#!/usr/bin/env bash
# Runs a command under another kernel: User-Mode Linux, which has cgroup v2 with all
# controllers and neither Landlock nor cgroup v1. The command sees this machine's files;
# /run and /sys/fs/cgroup are its own, and TMPDIR is in /run. Its exit code is the
# script's.
#
#   scripts/uml.sh [-u UID] COMMAND [ARGUMENT…]
#
# With -u it runs as that user, in a cgroup that is delegated to it, as a service manager
# would do it.
set -euo pipefail

uid=0
if [ "${1:-}" = -u ]; then uid=$2; shift 2; fi
kernel=$(command -v linux.uml || command -v linux || true)
if [ -z "$kernel" ]; then
  echo "uml: User-Mode Linux is not installed; on Debian: apt-get install user-mode-linux" >&2
  exit 1
fi

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
# The command comes back as it was: quoted for the shell.
command=$(printf '%q ' "$@")
cat > "$dir/init" <<EOF
#!/bin/bash
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t cgroup2 cgroup /sys/fs/cgroup
mount -t tmpfs -o mode=755 run /run
mkdir -m 1777 /run/tmp
ip link set lo up 2>/dev/null || ifconfig lo 127.0.0.1 up 2>/dev/null
export PATH=$PATH TMPDIR=/run/tmp HOME=/run/tmp GOTRACEBACK=all
cd $(printf %q "$PWD")
if [ $uid != 0 ]; then
  group=/sys/fs/cgroup/service
  echo '+memory +cpu +pids' > /sys/fs/cgroup/cgroup.subtree_control
  mkdir \$group
  chown $uid:$uid \$group \$group/cgroup.procs \$group/cgroup.subtree_control \$group/cgroup.threads
  ( echo \$BASHPID > \$group/cgroup.procs; exec setpriv --reuid=$uid --regid=$uid --clear-groups $command )
else
  mkdir /sys/fs/cgroup/service
  echo '+memory +cpu +pids' > /sys/fs/cgroup/cgroup.subtree_control
  ( echo \$BASHPID > /sys/fs/cgroup/service/cgroup.procs; exec $command )
fi
echo \$? > $dir/code
halt -f
EOF
chmod 755 "$dir" "$dir/init"
"$kernel" mem=2G rootfstype=hostfs rootflags=/ rw root=/dev/root init="$dir/init" \
  con=null con0=fd:0,fd:1 quiet < /dev/null 2>&1 | grep -v -e '^SELinux: ' -e '^mmapper_init' -e 'ubd device' -e '^Halting' -e 'reboot: System halted' || true
exit "$(cat "$dir/code" 2>/dev/null || echo 1)"
