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

# The part of a wrapper that changes lists.
listFunctions() {
  cat <<'SHELL'
prefix() {
  local list=$2${!1:+${!1}$2} rest=$3$2 element reversed=
  while [[ -n $rest ]]; do
    reversed=${rest%%"$2"*}$2$reversed
    rest=${rest#*"$2"}
  done
  while [[ -n $reversed ]]; do
    element=${reversed%%"$2"*}
    reversed=${reversed#*"$2"}
    [[ -z $element ]] || list=$2$element${list/"$2$element$2"/"$2"}
  done
  publish "$1" "$2" "$list"
}
suffix() {
  local list=$2${!1:+${!1}$2} rest=$3$2 element
  while [[ -n $rest ]]; do
    element=${rest%%"$2"*}
    rest=${rest#*"$2"}
    [[ -z $element || $list == *"$2$element$2"* ]] || list+=$element$2
  done
  publish "$1" "$2" "$list"
}
publish() {
  local list=${3#"$2"}
  export "$1=${list%"$2"}"
}
SHELL
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
    --set-default) lines+=("[[ -v $2 ]] || export $2=${3@Q}") && shift ;;
    --unset) lines+=("unset $2") ;;
    --prefix | --suffix)
      # The last may be: docker's command line adds $extraPath, which only moby has.
      if [[ -z $4 || $3$4 == *"$3$3"* ]]; then
        echo "makeWrapper: $1 $2 has an empty entry: '$4'" >&2
        return 1
      fi
      lines+=("${1#--} $2 ${3@Q} ${4@Q}")
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
    listFunctions
    printf '%s\n' "${lines[@]}"
    echo "exec ${name:+-a \"$name\" }${program@Q}$flags \"\$@\""
  } >"$wrapper"
  chmod +x "$wrapper"
}
