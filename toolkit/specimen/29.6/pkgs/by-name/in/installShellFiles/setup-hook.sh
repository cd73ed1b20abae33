# shellcheck shell=bash
# installShellCompletion --SHELL FILE…: as in nixpkgs, for files that are called after their command.
installShellCompletion() {
  local place
  while (($#)); do
    case $1 in
    --bash) place=bash-completion/completions ;;
    --fish) place=fish/vendor_completions.d ;;
    --zsh) place=zsh/site-functions ;;
    *) echo "installShellCompletion: unknown option '$1'" >&2 && return 1 ;;
    esac
    install -Dm644 "$2" "$out/share/$place/$2"
    shift 2
  done
}
