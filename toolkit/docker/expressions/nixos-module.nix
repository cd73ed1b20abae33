# What rootless docker's NixOS module makes of some settings, before and after it got an option, and what its test makes of
# that, beside stand-ins for the modules of NixOS that both touch. Arguments, each a string: `directory`, an absolute path,
# which holds before.nix, after.nix and the file `test`, "" for none; `library`, the path of nixpkgs' lib; `option`, the new
# option's name; `wrapper`, that of the security wrapper which it adds; `packages`, JSON, what the files take of pkgs.
# Result: { before, after, wrapped, own, options, option, rootlesskit, test }: the configuration with docker off and on, in
# the third with the new option set; the capabilities with the option if the user defines the same wrapper; the options'
# names before and after; the new one's type, default and description; the path of rootlesskit; the test's name, whether
# each of its machines has rootless docker with the option, and the script.
{
  directory,
  test,
  library,
  option,
  wrapper,
  packages,
}:
let
  inherit (builtins) mapAttrs toJSON;
  lib = import (/. + library);
  file = name: /. + directory + "/${name}";

  pkgs =
    lib.genAttrs (builtins.fromJSON packages ++ [ "rootlesskit" ]) (name: {
      type = "derivation";
      inherit name;
      pname = name;
      outPath = "/nix/store/00000000000000000000000000000000-${name}";
    })
    // {
      inherit lib;
      formats.json = _: {
        type = lib.types.anything;
        generate = name: value: "/nix/store/${builtins.hashString "md5" (toJSON value)}-${name}";
      };
    };

  option' = type: default: lib.mkOption { inherit type default; };
  # Declared one by one: with a type for whatever is not declared, the set's names would depend on what is set.
  surroundings.options = {
    security.wrappers = option' (lib.types.attrsOf (lib.types.attrsOf lib.types.anything)) { };
    networking.proxy.envVars = option' lib.types.attrs { no_proxy = "localhost"; };
    assertions = option' (lib.types.listOf lib.types.attrs) [ ];
    warnings = option' (lib.types.listOf lib.types.str) [ ];
  }
  // lib.genAttrs [ "boot" "environment" "programs" "services" "systemd" "users" ] (
    _: option' lib.types.anything { }
  );

  evaluate =
    module: settings:
    lib.evalModules {
      modules = [
        surroundings
        (file module)
      ]
      ++ settings;
      specialArgs = {
        inherit pkgs;
        utils.escapeSystemdExecArgs = words: builtins.concatStringsSep " " (map toString words);
      };
    };
  rootless = settings: { virtualisation.docker.rootless = settings; };
  both =
    module: settings:
    mapAttrs
      (
        _: enable:
        removeAttrs (evaluate module [ (rootless (settings // { inherit enable; })) ]).config [ "_module" ]
      )
      {
        off = false;
        on = true;
      };
  on = {
    ${option} = true;
  };

  declared = module: (evaluate module [ ]).options.virtualisation.docker.rootless;
  added = (declared "after.nix").${option};

  called =
    value:
    if builtins.isFunction value then
      value {
        inherit lib pkgs;
        config = { };
        system = "x86_64-linux";
      }
    else
      value;
  # A module, or what make-test-python.nix has made into a test.
  made = called (import (file test));
  found = called (made.test or made);
  nodes = mapAttrs (
    _: machine:
    let
      # A machine sets more than is declared here.
      config = (evaluate "after.nix" [ { _module.check = false; } machine ]).config;
    in
    config // { inherit config; }
  ) found.nodes;
in
{
  before = both "before.nix" { };
  after = both "after.nix" { };
  wrapped = both "after.nix" on;
  own =
    let
      byHand.security.wrappers.${wrapper}.capabilities = "cap_sys_admin+ep";
      wrappers = (evaluate "after.nix" [ (rootless (on // { enable = true; })) byHand ]).config.security.wrappers;
      capabilities = builtins.tryEval wrappers.${wrapper}.capabilities;
    in
    if capabilities.success then capabilities.value else "";
  options = mapAttrs (_: module: builtins.attrNames (declared module)) {
    before = "before.nix";
    after = "after.nix";
  };
  option = {
    type = added.type.name;
    inherit (added) default;
    description = added.description.text or added.description;
  };
  rootlesskit = "${pkgs.rootlesskit}/bin/rootlesskit";
  test =
    if test == "" then
      null
    else
      {
        inherit (found) name;
        machines = mapAttrs (
          _: machine:
          let
            docker = machine.virtualisation.docker.rootless;
          in
          docker.enable && docker.${option}
        ) nodes;
        script =
          if builtins.isFunction found.testScript then found.testScript { inherit nodes; } else found.testScript;
      };
}
