# Runs docker's own install phases over stand-in sources, so that what they install can be read:
#   nix-build build.nix --argstr case /path/of/case.json … -A before.script -A before.elf
# Arguments, each a string: `case` as for evaluate.nix; `tree`, the absolute path of a stand-in tree; `release`, such as
# "docker_29"; `shell` and `busybox`, store paths of a static bash and a busybox; `makeWrapperHook`, the absolute path of a
# tree's make-wrapper.sh, or "" for our own; `overrides`, JSON, component names → whether each is replaced through
# `override`; `system`, a Linux system.
# Result: side → { script, elf, docker, path }: moby with wrappers that are shell scripts, moby with
# wrappers that are ELF files, which can only be read, the docker package that links the former, and a file with the
# PATH which dockerd-rootless.sh sees when the script is called with a PATH of /path-of-the-caller; where the file asks by name
# for a wrapper that is an ELF file, that file.
{
  case,
  tree,
  release,
  shell,
  busybox,
  makeWrapperHook ? "",
  overrides ? "{}",
  system ? builtins.currentSystem,
}@arguments:
let
  inherit (builtins) fromJSON mapAttrs storePath;
  inherit (fromJSON (builtins.readFile case)) sides;
  shell = storePath arguments.shell;

  # Only what installs gets the wrapper, so that both forms share the components.
  forms =
    mapAttrs
      (
        _: wrapper:
        import ./real.nix {
          inherit tree;
          build = system;
          host = system;
          tools = builtins.toJSON { inherit (arguments) busybox shell; };
          builder = import ./builder.nix wrapper;
        }
      )
      {
        script =
          if makeWrapperHook == "" then "${./builder}/make-wrapper.sh" else "${/. + makeWrapperHook}";
        elf = "${./builder}/make-binary-wrapper.sh";
      };
  inherit (forms.script) lib;

  replaced = lib.attrNames (lib.filterAttrs (_: wanted: wanted) (fromJSON overrides));

  docker =
    directory: world:
    let
      released = (import ./releases.nix { inherit lib directory world; }).releases.${release};
      replacements = lib.genAttrs replaced (component: world.plain "replacement-of-${component}" { });
    in
    if replaced == [ ] then released else released.override replacements;
in
mapAttrs (
  _: directory:
  let
    dockers = mapAttrs (_: docker directory) forms;
  in
  {
    script = dockers.script.moby;
    elf = dockers.elf.moby;
    docker = dockers.script;
    path = derivation {
      name = "path";
      inherit system;
      builder = shell;
      PATH = "/path-of-the-caller";
      args = [
        "${./builder}/see-path.sh"
        "${dockers.script.moby}/bin/dockerd-rootless"
      ];
    };
  }
) sides
