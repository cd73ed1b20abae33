# shellcheck shell=bash
# The install phase of a build, over stand-ins for built sources, and what such phases call in nixpkgs. Nothing is compiled.

die() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

runHook() { eval "${!1-}"; }

genericBuild() {
  local input output
  for input in ${nativeBuildInputs-}; do
    # shellcheck source=/dev/null
    [[ ! -e $input/nix-support/setup-hook ]] || source "$input/nix-support/setup-hook"
  done
  if [[ -n ${installPhase-} ]]; then
    standInSources "$NIX_BUILD_TOP/source${goPackagePath:+/go/src/$goPackagePath}"
    cd "$NIX_BUILD_TOP/source"
    eval "$installPhase"
    runHook preFixup
    runHook postFixup
  else
    installStandIns
  fi
  for output in $outputs; do
    [[ -e ${!output} ]] || mkdir "${!output}"
  done
}

# A program that says with which PATH it was called, and prints a line for each of its arguments.
standIn() { # file
  mkdir -p "$(dirname "$1")"
  # shellcheck disable=SC2016
  printf '#!%s\nprintf "%%s\\n" "$PATH" "$@"\n' "$shell" >"$1"
  chmod +x "$1"
}

installStandIns() {
  local program
  for program in ${programs-${pname-$name}}; do
    standIn "$out/bin/$program"
  done
  [[ -z ${setupHook-} ]] || install -Dm644 "$setupHook" "$out/nix-support/setup-hook"
}

# What the install phases of any docker from 20.10 on take from its built sources.
standInSources() { # directory
  local file
  for file in build/docker contrib/dockerd-rootless.sh bundles/dynbinary-daemon/dockerd \
    bundles/dynbinary-daemon/docker-proxy; do
    standIn "$1/$file"
  done
  for file in init/systemd/docker.service init/systemd/docker.socket completion/bash/docker \
    completion/fish/docker.fish completion/zsh/_docker; do
    mkdir -p "$(dirname "$1/contrib/$file")"
    echo 'ExecStart=/usr/bin/dockerd -H fd://' >"$1/contrib/$file"
  done
  mkdir -p "$1/man/man1"
  echo '.TH docker 1' >"$1/man/man1/docker.1"
}

# Docker 20.10 compiles the program that writes its manual pages while it installs.
go() { standIn "$3"; } # build -o file package

patchShebangs() { :; }

# It takes the hash out of files, which nothing here looks for.
remove-references-to() { :; }

joinPaths() { # directories
  local directory
  mkdir -p "$out"
  for directory; do
    cp -rsf "$directory/." "$out/"
    chmod -R u+w "$out"
  done
}

installBin() { install -Dm755 -t "$out/bin" "$@"; }

moveToOutput() { # path below $out, output
  [[ ${!2} == "$out" || ! -e $out/$1 ]] || {
    mkdir -p "$(dirname "${!2}/$1")"
    mv "$out/$1" "${!2}/$1"
  }
}

substitute() { # file, new file, options
  [[ $1 == "$2" ]] || cat "$1" >"$2"
  substituteInPlace "${@:2}"
}

substituteInPlace() { # file, options
  local file=$1 text old new
  text=$(<"$file")
  shift
  while (($#)); do
    case $1 in
    --replace*) old=$2 new=$3 ;;
    --subst-var-by) old=@$2@ new=$3 ;;
    *) die "substituteInPlace: unknown option '$1'" ;;
    esac
    [[ $1 != --replace-fail || $text == *"$old"* ]] || die "substituteInPlace: '$old' is not in $file"
    text=${text//"$old"/"$new"}
    shift 3
  done
  printf '%s\n' "$text" >"$file"
}
