# Starts a wrapper that is a script, and writes what it prints to $out. An ELF file, which only can be read, is copied.
set -e
if [[ ! -e $1 ]]; then
  echo "moby's install phase makes no bin/${1##*/}" >&2
  exit 1
fi
magic=
IFS= read -r -n 4 magic <"$1" || true
if [[ $magic == $'\x7fELF' ]]; then
  mapfile -d '' content <"$1"
  printf '%s\0' "${content[@]}" >"$out"
else
  "$1" >"$out"
fi
