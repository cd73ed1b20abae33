# shellcheck shell=bash
# The setup hook that gives a build the command makeWrapper. Written for the specimen; the options mean
# what they mean in nixpkgs, but an empty entry of a list is an error.
#
#   makeWrapper PROGRAM WRAPPER OPTION...
#     --set VAR VALUE            VAR is VALUE
#     --set-default VAR VALUE    the same, unless VAR is set already
#     --unset VAR
#     --prefix VAR SEP VALUE     the entries of VALUE come first in VAR; those it had before move there
#     --suffix VAR SEP VALUE     those that VAR lacks come last
#     --run COMMAND              a line of shell, executed at its place among the other options
#     --add-flags WORDS          words of shell before the caller's own arguments
#     --argv0 NAME               what the program sees as its name, `$0` for the wrapper's

makeShellWrapper() { makeWrapper "$@"; }
makeBinaryWrapper() { makeWrapper "$@"; }

# listLines MODE VAR SEP VALUE: the lines of a wrapper that put the entries first or last in a list, as nixpkgs' do.
listLines() {
  local name=$2 separator=${3@Q} entry entries=() IFS=$3
  set -o noglob
  for entry in $4; do
    if [[ $1 == --prefix ]]; then entries=("$entry" "${entries[@]}"); else entries+=("$entry"); fi
  done
  set +o noglob
  for entry in "${entries[@]}"; do
    echo "$name=\${$name:+$separator\$$name$separator}"
    if [[ $1 == --prefix ]]; then
      echo "$name=\${$name/$separator${entry@Q}$separator/$separator}"
      echo "$name=${entry@Q}\$$name"
    else
      echo "if [[ \$$name != *$separator${entry@Q}$separator* ]]; then"
      echo "    $name=\$$name${entry@Q}"
      echo "fi"
    fi
    echo "$name=\${$name#$separator}"
    echo "$name=\${$name%$separator}"
    echo "export $name"
  done
}

makeWrapper() {
  local program=$1 wrapper=$2 flags='' name=''
  local -a lines=()
  shift 2
  if [[ ! -f $program || ! -x $program ]]; then
    echo "makeWrapper: '$program' is not an executable file" >&2
    return 1
  fi

  while (($#)); do
    case $1 in
    --set) lines+=("export $2=${3@Q}") && shift ;;
    --set-default) lines+=("export $2=\${$2-${3@Q}}") && shift ;;
    --unset) lines+=("unset $2") ;;
    --prefix | --suffix)
      # The last may be: docker's command line adds $extraPath, which only moby has.
      if [[ -z $4 || $3$4 == *"$3$3"* ]]; then
        echo "makeWrapper: $1 $2 has an empty entry: '$4'" >&2
        return 1
      fi
      lines+=("$(listLines "$1" "$2" "$3" "$4")")
      shift 2
      ;;
    --run) lines+=("$2") ;;
    --add-flags) flags+=" $2" ;;
    --argv0) name=$2 ;;
    *)
      echo "makeWrapper: unknown option '$1'" >&2
      return 1
      ;;
    esac
    shift 2
  done

  mkdir -p "$(dirname "$wrapper")"
  {
    echo "#!${SHELL:-/bin/sh} -e"
    printf '%s\n' "${lines[@]}"
    echo "exec ${name:+-a \"$name\" }${program@Q}$flags \"\$@\""
  } >"$wrapper"
  chmod +x "$wrapper"
}
