# The functions of nixpkgs' standard environment that docker's install phases call.

die() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

runHook() { # name
  if declare -F "$1" >/dev/null; then
    "$1"
  else
    eval "${!1-}"
  fi
}

patchShebangs() { :; }

joinPaths() { # directories
  local directory
  for directory; do
    cp -rsf "$directory/." "$out/"
    chmod -R u+w "$out"
  done
}

substituteInPlace() { # files, then options
  local -a files=()
  while (($#)) && [[ $1 != --* ]]; do
    files+=("$1")
    shift
  done
  local file
  for file in "${files[@]}"; do
    substituteOne "$file" "$@"
  done
}

substituteOne() { # file, options
  local file=$1 text
  shift
  # The x keeps the newlines at the end, which a command substitution drops.
  text=$(cat "$file" && printf x)
  while (($#)); do
    case $1 in
      --replace | --replace-fail | --replace-quiet | --replace-warn)
        if [[ $text != *"$2"* ]]; then
          [[ $1 != --replace-fail ]] || die "substituteInPlace: no '$2' in $file"
          [[ $1 == --replace-quiet ]] || printf 'warning: no %s in %s\n' "$2" "$file" >&2
        fi
        text=${text//"$2"/"$3"}
        shift 3
        ;;
      --subst-var)
        text=${text//"@$2@"/"${!2}"}
        shift 2
        ;;
      --subst-var-by)
        text=${text//"@$2@"/"$3"}
        shift 3
        ;;
      *) die "substituteInPlace: unknown option '$1'" ;;
    esac
  done
  printf '%s' "${text%x}" >"$file"
}

substitute() { # file, new file, options
  cat "$1" >"$2"
  substituteOne "${@:2}"
}

installBin() { # files
  local file
  for file in "$@"; do
    install -Dm755 "$file" "${bin:-$out}/bin/${file##*/}"
  done
}

moveToOutput() { # pattern below an output, output
  local from to=${!2} path
  for from in $(for name in "${outputNames[@]}"; do printf '%s\n' "${!name}"; done); do
    [[ $from != "$to" ]] || continue
    for path in "$from"/$1; do
      [[ -e $path || -L $path ]] || continue
      mkdir -p "$to${path#"$from"}"
      rmdir "$to${path#"$from"}"
      mv "$path" "$to${path#"$from"}"
    done
  done
}

# It takes the hash out of files, which nothing here looks for.
remove-references-to() { :; }

installShellCompletion() { # [--cmd name] {--bash|--fish|--zsh} [--name name] files
  local shell= name= command=
  while (($#)); do
    case $1 in
      --bash | --fish | --zsh) shell=${1#--} ;;
      --cmd)
        command=$2
        shift
        ;;
      --name)
        name=$2
        shift
        ;;
      -*) die "installShellCompletion: unknown option '$1'" ;;
      *)
        installOneCompletion "$1" "$shell" "$command" "$name"
        name=
        ;;
    esac
    shift
  done
}

installOneCompletion() { # file, shell, command, name
  local name=$4 directory
  if [[ -z $name && -n $3 ]]; then
    case $2 in
      zsh) name=_$3 ;;
      *) name=$3.$2 ;;
    esac
  fi
  case $2 in
    bash) directory=bash-completion/completions ;;
    fish) directory=fish/vendor_completions.d ;;
    zsh) directory=zsh/site-functions ;;
    *) die "installShellCompletion: no shell is given for '$1'" ;;
  esac
  mkdir -p "$out/share/$directory"
  cat "$1" >"$out/share/$directory/${name:-${1##*/}}"
  [[ -s $out/share/$directory/${name:-${1##*/}} ]] || die "installShellCompletion: '$1' is empty"
}

installManPage() { # files
  local page
  for page in "$@"; do
    [[ $page =~ \.([1-9])(\.gz)?$ ]] || die "installManPage: '$page' has no section"
    install -Dm644 "$page" "${man:-$out}/share/man/man${BASH_REMATCH[1]}/${page##*/}"
  done
}

# Docker 20.10 compiles the program that writes its manual pages while it installs.
go() { # build -o file package
  [[ $1 == build && $2 == -o ]] || die "go: only 'build -o' can be stood in for, not '$*'"
  standInProgram "$3"
}
