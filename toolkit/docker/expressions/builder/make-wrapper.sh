# makeWrapper as a shell script, for trees whose own hook is not at hand. The flags mean what they
# do in nixpkgs: a prefix moves each of its elements to the front, a suffix adds the missing ones.

makeWrapper() { makeShellWrapper "$@"; }
wrapProgram() { wrapProgramShell "$@"; }

makeShellWrapper() { # program, wrapper, flags
  local program=$1 wrapper=$2 argv0= before= after=
  shift 2
  [[ -f $program && -x $program ]] || die "makeWrapper: '$program' is not an executable file"
  mkdir -p "${wrapper%/*}"
  {
    printf '#! %s -e\n' "$SHELL"
    cat <<'SCRIPT'
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
SCRIPT
    while (($#)); do
      case $1 in
        --prefix | --suffix)
          printf '%s %s %s %s\n' "${1#--}" "$2" "${3@Q}" "${4@Q}"
          shift 4
          ;;
        --set)
          printf 'export %s=%s\n' "$2" "${3@Q}"
          shift 3
          ;;
        --set-default)
          printf '[[ -v %s ]] || export %s=%s\n' "$2" "$2" "${3@Q}"
          shift 3
          ;;
        --unset)
          printf 'unset %s\n' "$2"
          shift 2
          ;;
        --chdir)
          printf 'cd %s\n' "${2@Q}"
          shift 2
          ;;
        --run)
          printf '%s\n' "$2"
          shift 2
          ;;
        --add-flags)
          before+=" $2"
          shift 2
          ;;
        --add-flag)
          before+=" ${2@Q}"
          shift 2
          ;;
        --append-flags)
          after+=" $2"
          shift 2
          ;;
        --append-flag)
          after+=" ${2@Q}"
          shift 2
          ;;
        --argv0)
          argv0=$2
          shift 2
          ;;
        --inherit-argv0)
          argv0='$0'
          shift
          ;;
        --resolve-argv0)
          shift
          ;;
        *) die "makeWrapper: unknown flag '$1'" ;;
      esac
    done
    printf 'exec %s%s%s "$@"%s\n' "${argv0:+-a \"$argv0\" }" "${program@Q}" "$before" "$after"
  } >"$wrapper"
  chmod +x "$wrapper"
}

wrapProgramShell() { # program, flags
  local hidden=${1%/*}/.${1##*/}-wrapped
  mv "$1" "$hidden"
  makeShellWrapper "$hidden" "$1" --inherit-argv0 "${@:2}"
}
