# What rootless docker's NixOS module makes of some settings, before and after it got an option, beside stand-ins for the
# modules of NixOS that it touches. Arguments, each a string: `directory`, an absolute path, which holds before.nix and
# after.nix; `library`, the path of nixpkgs' lib; `option`, the new option's name; `wrapper`, that of the security wrapper
# which it adds; `packages`, JSON, what the files take of pkgs.
# Result: { before, after, wrapped, own, options, option, rootlesskit }: the configuration with docker off and on, in the
# third with the new option set; the capabilities with the option if the user defines the same wrapper; the options' names
# before and after; the new one's type, default and description; the path of rootlesskit.
{
  directory,
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
}
