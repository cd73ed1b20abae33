# shellcheck shell=bash
# The phases of a build, and what stands in for sources and compilers.

runHook() { eval "${!1-}"; }

genericBuild() {
  local input phase
  for input in ${nativeBuildInputs-}; do
    # shellcheck source=/dev/null
    [[ ! -e $input/nix-support/setup-hook ]] || source "$input/nix-support/setup-hook"
  done
  if [[ -n ${buildPhase-} ]]; then
    cp -r "$src" source
    chmod -R u+w source
    cd source
    eval "${postPatch-}"
  fi
  for phase in buildPhase installPhase postInstall; do
    eval "${!phase-}"
  done
  [[ -n ${installPhase-} ]] || installStandIns
  [[ -e $out ]] || mkdir "$out"
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
  for program in ${programs-$pname}; do
    standIn "$out/bin/$program"
  done
  [[ -z ${setupHook-} ]] || install -Dm644 "$setupHook" "$out/nix-support/setup-hook"
}

# What any of the sources has that docker's phases take something from.
standInSources() {
  local file
  for file in contrib/dockerd-rootless.sh hack/make hack/with-go-mod.sh; do
    standIn "$out/$file"
  done
  mkdir -p "$out/contrib/init/systemd"
  echo 'ExecStart=/usr/bin/dockerd -H fd://' >"$out/contrib/init/systemd/docker.service"
  echo 'ListenStream=/run/docker.sock' >"$out/contrib/init/systemd/docker.socket"
  cat >"$out/hack/make.sh" <<SCRIPT
#!$shell
mkdir -p bundles/\$1-daemon
for program in dockerd docker-proxy; do
  cp contrib/dockerd-rootless.sh bundles/\$1-daemon/\$program
done
SCRIPT
  chmod +x "$out/hack/make.sh"
  echo "$standsFor" >"$out/README"
}

make() { standIn "build/docker"; }

patchShebangs() { :; }

joinPaths() { # directories
  local directory
  mkdir -p "$out"
  for directory; do
    cp -rsf "$directory/." "$out/"
    chmod -R u+w "$out"
  done
}

substituteInPlace() { # file --replace-fail old new
  grep -qF "$3" "$1" || { echo "substituteInPlace: '$3' is not in $1" >&2 && return 1; }
  local text
  text=$(<"$1")
  printf '%s\n' "${text//"$3"/"$4"}" >"$1"
}
