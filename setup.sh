# Sourced by `unlet` and `check` when something is missing: Debian's packages, or a venv as the lock file says.
# shellcheck shell=sh

say() { printf 'unlet: %s\n' "$*" >&2; }
die() { say "$*"; exit 3; }

# Install the named Debian packages; a machine of another kind gets one line that says what is missing.
install_packages() {
  [ -e /etc/debian_version ] || die "missing programs: install what Debian calls $*"
  as_root=''
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || die "missing programs: run 'apt-get install $*' as root"
    as_root=sudo
  fi
  say "installing $*"
  [ -n "${lists_are_new-}" ] || $as_root apt-get update -qq >&2 </dev/null ||
    say "apt-get update failed; trying with the package lists that are there"
  lists_are_new=yes
  $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$@" >&2 </dev/null ||
    die "apt-get install failed: $*"
}

# What the proofs run. The static shells stand in for Nix's own where nothing can be substituted; they
# alone are no reason to ask an ordinary user for a password.
need_programs() {
  missing='' essential=''
  command -v git >/dev/null || essential="git"
  command -v nix-instantiate >/dev/null || essential="$essential nix-bin nix-setup-systemd"
  if [ -e /etc/debian_version ]; then
    [ -x /bin/busybox ] || missing="busybox-static"
    [ -x /bin/bash-static ] || missing="$missing bash-static"
  fi
  [ -n "$essential" ] || [ "$(id -u)" = 0 ] || return 0
  # shellcheck disable=SC2086 # a list of package names
  [ -z "$essential$missing" ] || install_packages $essential $missing ca-certificates
}

# Print the real path of a Python that can make a venv. The real one, because a venv made from a shim would
# start it each time, and because its link then dangles, and is noticed, when the distribution moves on.
find_python() {
  # From 3.13 on, classes are defined faster: commands start sooner.
  for candidate in python3.13 python3.14 python3 python3.12 python3.11; do
    "$candidate" -I -c '
import ensurepip, os, sys, venv
sys.version_info >= (3, 11) or sys.exit(1)
print(os.path.realpath(sys.executable))' 2>/dev/null && return
  done
  return 1
}

venv_is_current() { # VENV LOCK
  [ -x "$1/bin/python" ] && cmp -s "$2" "$1/requirements.lock" || return 1
  touch -r "$2" "$1/requirements.lock" 2>/dev/null || :
}

# Set `venv` to ROOT/NAME, or to a place in the user's cache where ROOT cannot be written, and see to it that it
# holds what LOCK says and finds the package. It appears whole or not at all; concurrent calls wait for one another.
set_up_venv() { # ROOT NAME LOCK
  venv=$1/$2
  from=../../../.. # as seen from the venv's site-packages: the checkout may be moved
  if ! venv_is_current "$venv" "$3" && ! [ -w "$1" ]; then
    from=$(cd -P -- "$1" && pwd)
    venv=${XDG_CACHE_HOME:-${HOME:?is not set, and the checkout cannot be written}/.cache}/unlet/venv$from/$2
  fi
  venv_is_current "$venv" "$3" && return
  python=$(find_python) || { install_packages python3-venv && python=$(find_python); } ||
    die "python3: found none from 3.11 on that can make a venv"
  mkdir -p "${venv%/*}"
  exec 9>"$venv.lock"
  "$python" -I -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX)'
  if ! venv_is_current "$venv" "$3"; then
    trap 'rm -rf "$venv.new"' EXIT
    trap 'exit 130' HUP INT TERM
    say "setting up $venv from ${3##*/}"
    rm -rf "$venv.new"
    told=$("$python" -I -m venv "$venv.new" 2>&1) || die "venv: $(printf '%s\n' "$told" | tail -n 1)"
    "$venv.new/bin/python" -I -m pip install -qq --disable-pip-version-check --require-hashes \
      --only-binary :all: -r "$3" >&2 </dev/null || die "pip: cannot install what ${3##*/} lists"
    "$venv.new/bin/python" -I -c '
import pathlib, sys, sysconfig
pathlib.Path(sysconfig.get_path("purelib"), "unlet.pth").write_text(sys.argv[1] + "\n")' "$from"
    cp -p "$3" "$venv.new/requirements.lock"
    rm -rf "$venv"
    mv "$venv.new" "$venv"
    trap - EXIT HUP INT TERM
  fi
  exec 9>&-
}
