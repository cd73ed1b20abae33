#!/usr/bin/env bash
# Writes new values into one release block of the default.nix beside this script.
#
#   update.sh [docker_NN] [NAME=VALUE ...]
#
# Without a docker_NN, or with `docker`, it is the newest: the last docker_NN that the file mentions.
# NAME is version, cliHash, mobyHash, runcRev, runcHash, containerdRev or containerdHash. Without any
# NAME=VALUE the values of the block are printed and nothing is written. Nothing is downloaded.
set -euo pipefail

file=$(dirname "${BASH_SOURCE[0]}")/default.nix
release=${UPDATE_NIX_ATTR_PATH:-docker}
if [[ ${1:-} == docker* ]]; then
  release=$1
  shift
fi
if [[ $release == docker ]]; then
  release=$(grep -oE 'docker_[0-9]+' "$file" | tail -n 1)
fi

# A block begins at `docker_NN =` and ends before the next release, or at the file's last brace.
read_block() {
  awk -v release="$release" '
    $0 ~ release " =" { inside = 1 }
    inside && ($0 == "}" || (/^  docker_[0-9]/ && $0 !~ release)) { exit }
    inside && /(version|Rev|Hash) = "/ {
      split($0, quoted, "\"")
      print $1 "=" quoted[2]
    }
  ' "$file"
}

values=$(read_block)
if [[ -z $values ]]; then
  echo "update.sh: $file: no release '$release'" >&2
  exit 1
fi
if [[ $# -eq 0 ]]; then
  echo "$release"
  echo "$values"
  exit
fi

for change in "$@"; do
  if ! grep -q "^${change%%=*}=" <<<"$values"; then
    echo "update.sh: $release: no '${change%%=*}' in its block" >&2
    exit 1
  fi
  awk -v release="$release" -v name="${change%%=*}" -v value="${change#*=}" '
    $0 ~ release " =" { inside = 1 }
    inside && ($0 == "}" || (/^  docker_[0-9]/ && $0 !~ release)) { inside = 0 }
    inside && $1 == name && /= "/ {
      start = index($0, "\"")
      $0 = substr($0, 1, start) value "\";"
    }
    { print }
  ' "$file" >"$file.new"
  mv "$file.new" "$file"
done
