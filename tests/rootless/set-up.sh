#!/bin/sh
# Make the namespaces that one is in a host of NixOS with the control group `$1`; say so, and wait for the end of stdin.
# The user's id is none that useradd gives, on the machine itself, to a user of other tests.
set -e
mount -t tmpfs -o mode=755 none /run
mkdir -p /run/etc /run/work /run/systemd/system
mount -t overlay overlay -o lowerdir=/etc,upperdir=/run/etc,workdir=/run/work /etc
useradd --uid 54320 --no-create-home --home-dir /run/home --shell /bin/sh ordinary
touch /etc/NIXOS
ip link set lo up
mount -t cgroup2 none /sys/fs/cgroup
mkdir "/sys/fs/cgroup/$1"
chown ordinary "/sys/fs/cgroup/$1" "/sys/fs/cgroup/$1/cgroup.procs"
echo ready
exec cat
