#!/usr/bin/env bash
# README's two commands on a machine that has Nix and never had a store: for an ordinary user, then for root.
# Of the steps of `check` these are the ones that use the machine's store; the tests of `pytest` ask for it as they do.
# Run by root in a checkout; the machine is emulated by namespaces, a copy of the checkout and an empty /nix. Only the
# Python environment of `check` is there already.
set -euo pipefail

uid=54321

as_user() { setpriv --reuid=$uid --regid=$uid --clear-groups env HOME="$place/user" "$@"; }

# Nothing is built where the store cannot be used, and that is no failure of `propose`.
propose() { # HOME COMMAND…
  "${@:2}" ./unlet propose --nixpkgs specimen --out "$1/proposal" | tee "$place/printed"
  grep -q '^passed *builds' "$place/printed"
}

# Nix kills what runs as a build user that it takes: those of the machine stay locked here, whatever it builds meanwhile.
empty_nix() {
  local users=/nix/var/nix/userpool
  mkdir -p $users
  mount --bind $users "$place/users"
  mount -t tmpfs -o mode=755 tmpfs /nix
  mkdir -p $users
  mount --move "$place/users" $users
}

emulated() {
  empty_nix
  [[ ! -d .venv-dev ]] || mount --bind .venv-dev "$place/checkout/.venv-dev"
  cd "$place/checkout"
  # What pip has fetched on this machine is the same there.
  export PIP_CACHE_DIR=${PIP_CACHE_DIR-$HOME/.cache/pip} HOME=$place/root
  # The Python environment is set up once, and for both.
  ./unlet cache list
  printf '# an ordinary user\n'
  propose "$place/user" as_user
  as_user ./check nix fresh rootless
  printf '# root\n'
  propose "$place/root" env
  ./check nix rootless
}

if [[ ${1-} == emulated ]]; then
  place=$2
  emulated
  exit
fi
place=$(mktemp -d /var/tmp/unlet-fresh-XXXXXX)
trap 'rm -rf "$place"' EXIT
mkdir -p "$place"/{checkout/.venv-dev,root,user,users}
chmod 755 "$place"
chown $uid:$uid "$place/user"
# Other checks may write what they remember meanwhile.
find . \( -name .git -o -name '.venv*' -o -name '.*_cache' -o -name __pycache__ \) -prune -o ! -type d -print0 |
  tar -c --null --files-from - | (umask 022 && tar -x --no-same-owner -C "$place/checkout")
unshare --mount env -u NIX_REMOTE -u UNLET_CACHE_DIR -u XDG_CACHE_HOME -u XDG_CONFIG_HOME \
  "${BASH_SOURCE[0]}" emulated "$place"
