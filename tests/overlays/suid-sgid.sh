#!/usr/bin/env bash
# Run NixOS' script that makes all security wrappers, in a mount namespace with an /etc, a /run and store paths of its own.
# Argument: a directory with `etc`, `store` and `script`. Prints each wrapper's mode, name and capabilities.
set -euo pipefail
stage=$1

mount -t overlay overlay -o "lowerdir=$stage/store:/nix/store" /nix/store
mount --bind "$stage/etc" /etc
mount -t tmpfs -o mode=755 none /run
mkdir /run/wrappers

# As systemd runs it.
bash -e "$stage/script"

cd /run/wrappers/bin
for wrapper in *; do
  capabilities=$(getcap "$wrapper")
  printf '%s %s %s\n' "$(stat --format %a "$wrapper")" "$wrapper" "${capabilities#* }"
done
