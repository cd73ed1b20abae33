# shellcheck shell=bash
# The setup hook that gives a build the command makeWrapper. Written for the specimen; the options mean
# what they mean in nixpkgs.
#
#   makeWrapper PROGRAM WRAPPER OPTION...
#     --set VAR VALUE            VAR is VALUE
#     --set-default VAR VALUE    the same, unless VAR is set already
#     --unset VAR
#     --prefix VAR SEP VALUE     the entries of VALUE come first in VAR; those it had before move there
#     --suffix VAR SEP VALUE     the same at the end
#     --run COMMAND              a line of shell, executed at its place among the other options
#     --add-flags WORDS          words of shell before the caller's own arguments
#     --argv0 NAME               what the program sees as its name, `$0` for the wrapper's

# The part of a wrapper that changes lists. An entry is taken out where it stands before it is put in.
listFunctions() {
  cat <<'SHELL'
first() { declare -gx "$1=$(without "$@")"; declare -gx "$1=$3${!1:+$2${!1}}"; }
last() { declare -gx "$1=$(without "$@")"; declare -gx "$1=${!1:+${!1}$2}$3"; }
without() {
  local padded=$2${!1-}$2
  padded=${padded/"$2$3$2"/"$2"}
  padded=${padded#"$2"}
  printf %s "${padded%"$2"}"
}
SHELL
}

makeWrapper() {
  local program=$1 wrapper=$2
  local -a lines=() entries=()
  local flags='' name='' i
  shift 2
  if [[ ! -f $program || ! -x $program ]]; then
    echo "makeWrapper: '$program' is not an executable file" >&2
    return 1
  fi

  while (($#)); do
    case $1 in
    --set)
      lines+=("export $2=${3@Q}")
      shift 3
      ;;
    --set-default)
      lines+=("export $2=\${$2-${3@Q}}")
      shift 3
      ;;
    --unset)
      lines+=("unset $2")
      shift 2
      ;;
    --prefix)
      IFS=$3 read -r -a entries <<<"$4"
      for ((i = ${#entries[@]} - 1; i >= 0; i--)); do
        lines+=("first $2 ${3@Q} ${entries[i]@Q}")
      done
      shift 4
      ;;
    --suffix)
      IFS=$3 read -r -a entries <<<"$4"
      for ((i = 0; i < ${#entries[@]}; i++)); do
        lines+=("last $2 ${3@Q} ${entries[i]@Q}")
      done
      shift 4
      ;;
    --run)
      lines+=("$2")
      shift 2
      ;;
    --add-flags)
      flags+=" $2"
      shift 2
      ;;
    --argv0)
      name=$2
      shift 2
      ;;
    *)
      echo "makeWrapper: unknown option '$1'" >&2
      return 1
      ;;
    esac
  done

  mkdir -p "$(dirname "$wrapper")"
  {
    echo "#!${SHELL:-/bin/sh} -e"
    listFunctions
    printf '%s\n' "${lines[@]}"
    echo "exec ${name:+-a \"$name\" }${program@Q}$flags \"\$@\""
  } >"$wrapper"
  chmod +x "$wrapper"
}
