# The builder of a chunk of questions, in Nix's sandbox: it evaluates an expression with a tree and writes to $out Nix's
# status and its lines. Before each question and answer Nix prints a mark, which no file can know: it has the hash of $out.
#
# $tree is a path of the store; $change is one with the exchanged `files` and the paths that are `gone`, or empty. Both sides
# of a change stand at /build/at/tree, where no link leads to them: Nix reads no lines through one. An evaluation that takes
# too long, or that a signal ended, has no output: the build fails, and says why.
# shellcheck shell=bash disable=SC2154 # the variables are attributes of the derivation
set -u

(exec -a busybox "$busybox" mkdir -p /build/programs) && (exec -a busybox "$busybox" --install -s /build/programs)
export PATH=/build/programs
if [ -e /var ] || [ -e /root ]; then
  echo 'unlet: this build has no sandbox'
  exit 1
fi
root=/build/at/tree
mark=${out##*/}
mark=unlet-${mark%%-*}:

# The tree with the exchanged files before it: nothing is copied, but the kernel has to permit it.
lay() {
  mkdir -p "$root" /build/layer
  if [ -z "$change" ]; then
    mount -t overlay -o "lowerdir=/build/layer:$tree" overlay "$root"
    return
  fi
  cp -dR "$change/files/." /build/layer
  chmod -R u+w /build/layer
  while IFS= read -r path; do
    mkdir -p "/build/layer/$(dirname "$path")"
    mknod "/build/layer/$path" c 0 0 || return
  done < "$change/gone"
  mount -t overlay -o "lowerdir=/build/layer:$tree" overlay "$root"
}

copy() {
  mkdir -p "$root"
  cp -dR "$tree/." "$root"
  if [ -z "$change" ]; then
    return
  fi
  chmod -R u+w "$root"
  {
    cat "$change/gone"
    cd "$change/files" && find . ! -type d
  } | while IFS= read -r path; do
    rm -rf "${root:?}/$path"
  done
  cp -dR "$change/files/." "$root"
}

# End Nix if it has said nothing for too long, and all in all.
watch() {
  local size=0 now idle=0
  while sleep 1; do
    now=$(stat -c %s /build/said)
    if [ "$now" = "$size" ]; then
      idle=$((idle + 1))
    else
      idle=0
    fi
    size=$now
    if [ "$SECONDS" -ge "$longest" ]; then
      echo > /build/late
    elif [ "$idle" -ge "$seconds" ]; then
      grep -o "^trace: $mark question [0-9]*" /build/said | tail -n 1 | grep -o '[0-9]*$' > /build/late
    else
      continue
    fi
    kill -9 "$1"
    return
  done
}

evaluate() {
  local words nix watching status
  mapfile -t words < "$wordsPath"
  ulimit -d "$data"
  touch /build/said
  # shellcheck disable=SC2086 # several words
  env -i $variables NIX_STORE_DIR=/nix/store NIX_STATE_DIR=/build/state NIX_LOG_DIR=/build/log \
    $launch "${words[@]}" --argstr sign "$mark" \
    -I "$expressions" -I "$root" > /dev/null 2> /build/said &
  nix=$!
  watch "$nix" &
  watching=$!
  wait "$nix"
  status=$?
  kill "$watching" 2> /dev/null
  if [ -e /build/late ]; then
    echo "unlet: late $(cat /build/late)"
    exit 1
  elif [ "$status" -gt 128 ]; then
    echo "unlet: signal $((status - 128))"
    exit 1
  fi
  { echo "$status" && cat /build/said; } > "$out"
}

if [ "${1-}" = lay ]; then
  lay && touch /build/laid && evaluate
else
  unshare -U -r -m "$shell" "$0" lay
  status=$?
  if [ -e /build/laid ]; then
    exit "$status"
  fi
  copy
  evaluate
fi
