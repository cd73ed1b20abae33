# Builds one derivation: with an argument, a file that defines makeWrapper, runs the install phase
# over stand-in sources; without one, installs programs that stand for those of the package.
# Environment: the derivation's attributes, among them `busybox` and `shell`, paths of programs.
set -eo pipefail

if [[ -e ${NIX_ATTRS_SH_FILE-} ]]; then
  source "$NIX_ATTRS_SH_FILE"
  for output in "${!outputs[@]}"; do
    export "$output=${outputs[$output]}"
  done
  outputNames=("${!outputs[@]}")
else
  read -ra outputNames <<<"$outputs"
fi

export PATH=$NIX_BUILD_TOP/applets SHELL=$shell
# It acts by the name it is called by, and in the store that name may begin with a hash.
(exec -a busybox "$busybox" mkdir "$PATH")
(exec -a busybox "$busybox" --install -s "$PATH")

source "${0%/*}/stand-ins.sh"
for output in "${outputNames[@]}"; do
  mkdir -p "${!output}"
done

if (($# == 0)); then
  standInComponent "$out"
  exit
fi

source "${0%/*}/phases.sh"
# Both, since a file may ask for one by its name; the last one is what makeWrapper is. A tree's own hook is a template;
# nixpkgs fills in the shell when it makes the package of it.
for wrapper in "${0%/*}/make-binary-wrapper.sh" "${0%/*}/make-wrapper.sh" "$1"; do
  text=$(<"$wrapper")
  eval "${text//@shell@/$SHELL}"
done

standInSources "$NIX_BUILD_TOP/source"
cd "$NIX_BUILD_TOP/source"
if [[ -n ${goPackagePath-} ]]; then
  mkdir -p "$NIX_BUILD_TOP/go/src/${goPackagePath%/*}"
  ln -s "$PWD" "$NIX_BUILD_TOP/go/src/$goPackagePath"
  cd "$NIX_BUILD_TOP"
fi
eval "$installPhase"
runHook preFixup
runHook postFixup
