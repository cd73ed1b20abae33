# shellcheck shell=bash
# installShellCompletion [--cmd COMMAND] {--SHELL [--name NAME] FILE…}…, installManPage FILE…: as in nixpkgs.
installShellCompletion() {
  local place='' before='' after='' command='' name='' target
  while (($#)); do
    case $1 in
    --bash) place=bash-completion/completions before='' after=.bash ;;
    --fish) place=fish/vendor_completions.d before='' after=.fish ;;
    --zsh) place=zsh/site-functions before=_ after='' ;;
    --cmd) command=$2 && shift ;;
    --name) name=$2 && shift ;;
    *)
      [[ -z $command ]] || name=${name:-$before$command$after}
      target=$out/share/$place/${name:-${1##*/}}
      mkdir -p "${target%/*}"
      cat "$1" >"$target"
      [[ -n $place && -s $target ]] || die "installShellCompletion: '$1' is empty, or for no shell"
      name=
      ;;
    esac
    shift
  done
}

installManPage() {
  local page
  for page; do
    install -Dm644 "$page" "${man:-$out}/share/man/man${page##*.}/${page##*/}"
  done
}
