# A NixOS test as all-tests.nix calls it, with stand-ins for what it is called by, and for pkgs.
# Arguments, each a string: `directory`, an absolute path, which holds `registration.nix`, the call, and what that
# refers to; `library`, the path of nixpkgs' lib, or ""; `system`; `packages`, JSON, what the test takes of pkgs; `option`,
# one of rootless docker's.
# Result: { name, machines, script }: the test's name, whether each machine has rootless docker with the option, the script.
{
  directory,
  library,
  system,
  packages,
  option ? "enable",
}:
let
  given = if library == "" then import ./lib.nix else import (/. + library);
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

  called = value: arguments: if builtins.isFunction value then value arguments else value;
  on = run: systems: if builtins.elem system systems then run else throw "not on ${system}";

  # A module, as runTest takes one.
  runTest =
    file:
    called (import file) {
      inherit lib pkgs;
      config = { };
    };
  # A function that make-test-python.nix has made into a test.
  handleTest =
    file: arguments:
    let
      made = called (import file ({ inherit system pkgs; } // arguments)) { inherit system pkgs; };
    in
    made.test or (throw "${baseNameOf (toString file)}: is not made by make-test-python.nix");

  test = builtins.scopedImport {
    inherit runTest handleTest;
    runTestOn = on runTest;
    handleTestOn = on handleTest;
  } (/. + directory + "/registration.nix");

  machines = builtins.mapAttrs (
    _: machine:
    called machine {
      inherit lib pkgs;
      config = { };
    }
  ) test.nodes;
in
{
  inherit (test) name;
  # As JSON all of a machine is evaluated.
  machines = builtins.mapAttrs (
    _: machine:
    builtins.seq (builtins.toJSON machine) (
      (machine.virtualisation.docker.rootless.enable or false) && machine.virtualisation.docker.rootless.${option} or false
    )
  ) machines;
  script = called test.testScript { nodes = machines; };
}
