# shellcheck shell=bash
# The builder of every package: it brings the programs in and installs.
# Not -u: docker's command line uses $extraPath, which only moby has.
set -eo pipefail

export PATH=$NIX_BUILD_TOP/programs
# busybox acts by its name, and in the store that begins with a hash.
(exec -a busybox "$busybox" mkdir "$PATH")
(exec -a busybox "$busybox" --install -s "$PATH")
ln -s "$shell" "$PATH/bash"
export SHELL=$shell

# shellcheck source=/dev/null
source "$setup"
genericBuild
