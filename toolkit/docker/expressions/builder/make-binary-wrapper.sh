# makeWrapper as an ELF file: a header for the machine, which cannot be run, and the text by which a wrapper of nixpkgs
# can be read: the command that it was made with. What has to --run something becomes a script: an ELF file cannot.

makeWrapper() { makeBinaryWrapper "$@"; }
wrapProgram() { wrapProgramBinary "$@"; }

makeBinaryWrapper() { # program, wrapper, flags
  local program=$1 wrapper=$2 command operands
  if [[ " $* " == *' --run '* ]]; then
    makeShellWrapper "$@"
    return
  fi
  shift 2
  [[ -f $program && -x $program ]] || die "makeBinaryWrapper: '$program' is not an executable file"
  command="makeCWrapper ${program@Q}"
  while (($#)); do
    case $1 in
      --prefix | --suffix) operands=3 ;;
      --set | --set-default) operands=2 ;;
      --unset | --chdir | --add-flag | --append-flag | --add-flags | --append-flags | --argv0)
        operands=1
        ;;
      --inherit-argv0 | --resolve-argv0) operands=0 ;;
      *) die "makeBinaryWrapper: unknown flag '$1'" ;;
    esac
    (($# > operands)) || die "makeBinaryWrapper: $1 takes $operands operands"
    # An empty element of a PATH means the current directory.
    [[ $operands != 3 || $3$4$3 != *"$3$3"* ]] ||
      die "makeBinaryWrapper: $1 $2 has an empty element: '$4'"
    command+=$' \\\n    '$1
    shift
    while ((operands--)); do
      command+=" ${1@Q}"
      shift
    done
  done
  mkdir -p "${wrapper%/*}"
  {
    elfHeader
    printf '\n# This wrapper was made with the following command:\n\n%s\n\n\0' "$command"
  } >"$wrapper"
  chmod +x "$wrapper"
}

# The 64 bytes that begin a little-endian ELF64 file, here one without segments and sections.
elfHeader() {
  local machine
  case $system in
    x86_64-*) machine='\x3e\x00' ;;
    aarch64-*) machine='\xb7\x00' ;;
    riscv64-*) machine='\xf3\x00' ;;
    powerpc64le-*) machine='\x15\x00' ;;
    loongarch64-*) machine='\x02\x01' ;;
    *) die "makeBinaryWrapper: no ELF64 machine number for '$system'" ;;
  esac
  printf '\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0'
  printf "\x03\0$machine\x01\0\0\0"
  printf '\0%.0s' {1..28}
  printf '\x40\0\x38\0\0\0\x40\0\0\0\0\0'
}

wrapProgramBinary() { # program, flags
  local hidden=${1%/*}/.${1##*/}-wrapped
  mv "$1" "$hidden"
  makeBinaryWrapper "$hidden" "$1" --inherit-argv0 "${@:2}"
}
