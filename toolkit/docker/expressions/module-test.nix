# A NixOS test of rootless docker as all-tests.nix calls it, with stand-ins for what it is called by, and for pkgs.
# Arguments, each a string: `directory`, an absolute path, which holds the file `test`, and what that refers to;
# `library`, the path of nixpkgs' lib; `system`; `packages`, JSON, what the test takes of pkgs; `option`, one of
# rootless docker's.
# Result: { name, machines, script }: the test's name, whether each machine has rootless docker with the option, the script.
{
  directory,
  test,
  library,
  system,
  packages,
  option,
}:
let
  given = import (/. + library);
  lib = {
    mkAfter = values: values;
    mkForce = value: value;
    mkIf = condition: value: if condition then value else { };
  }
  // removeAttrs given (
    # Those of a real module system give values that only it can read.
    if given ? evalModules then
      [
        "mkAfter"
        "mkForce"
        "mkIf"
      ]
    else
      [ ]
  );
  pkgs =
    builtins.listToAttrs (
      map (name: {
        inherit name;
        value = {
          type = "derivation";
          inherit name;
          pname = name;
          outPath = "/nix/store/00000000000000000000000000000000-${name}";
        };
      }) (builtins.fromJSON packages)
    )
    // {
      inherit lib;
    };

  called =
    value:
    if builtins.isFunction value then
      value {
        inherit lib pkgs system;
        config = { };
      }
    else
      value;
  # A module, or what make-test-python.nix has made into a test.
  made = called (import (/. + directory + "/${test}"));
  found = called (made.test or made);
  machines = builtins.mapAttrs (_: called) found.nodes;
in
{
  inherit (found) name;
  # As JSON all of a machine is evaluated.
  machines = builtins.mapAttrs (
    _: machine:
    let
      docker = machine.virtualisation.docker.rootless or { };
    in
    builtins.seq (builtins.toJSON machine) ((docker.enable or false) && docker.${option} or false)
  ) machines;
  script =
    if builtins.isFunction found.testScript then found.testScript { nodes = machines; } else found.testScript;
}
