# What rootless docker's NixOS module makes of some settings, before and after it got an option, beside stand-ins for the
# modules of NixOS that it touches. Arguments, each a string: `before` and `after`, absolute paths of the two modules;
# `library`, that of nixpkgs' lib; `option`, the new option's name; `wrapper`, that of the security wrapper which
# it adds; `packages`, JSON, what the modules take of pkgs.
# Result: { modules, before, after, wrapped, own, options, option, rootlesskit }: whose module system it is; the
# configuration with docker off and on, in the third with the new option set; the capabilities with the option where the
# user defines the same wrapper; the options' names before and after; the new one's type, default and
# description; the path of rootlesskit.
{
  before,
  after,
  library,
  option,
  wrapper,
  packages,
}:
let
  given = import (/. + library);
  ownModules = !(given ? evalModules);
  lib = if ownModules then import ./modules.nix { lib = given; } else given;

  standIn = name: {
    type = "derivation";
    inherit name;
    pname = name;
    outPath = "/nix/store/00000000000000000000000000000000-${name}";
  };
  pkgs =
    builtins.listToAttrs (
      map (name: {
        inherit name;
        value = standIn name;
      }) (builtins.fromJSON packages ++ [ "rootlesskit" ])
    )
    // {
      inherit lib;
      formats.json = _: {
        type = lib.types.anything;
        generate = name: value: "/nix/store/${builtins.hashString "md5" (builtins.toJSON value)}-${name}";
      };
    };
  utils.escapeSystemdExecArgs = words: builtins.concatStringsSep " " (map toString words);

  option' = type: default: lib.mkOption { inherit type default; };
  # Declared one by one: with a type for whatever is not declared, the set's names would depend on what is set.
  surroundings.options = {
    security.wrappers = option' (lib.types.attrsOf (lib.types.attrsOf lib.types.anything)) { };
    networking.proxy.envVars = option' lib.types.attrs { no_proxy = "localhost"; };
    assertions = option' (lib.types.listOf lib.types.attrs) [ ];
    warnings = option' (lib.types.listOf lib.types.str) [ ];
  }
  // builtins.listToAttrs (
    map
      (name: {
        inherit name;
        value = option' lib.types.anything { };
      })
      [
        "boot"
        "environment"
        "programs"
        "services"
        "systemd"
        "users"
      ]
  );

  evaluate =
    module: settings: byHand:
    lib.evalModules {
      modules = [
        surroundings
        (/. + module)
        { virtualisation.docker.rootless = settings; }
        { security.wrappers = byHand; }
      ];
      specialArgs = { inherit pkgs utils; };
    };
  configuration = module: settings: removeAttrs (evaluate module settings { }).config [ "_module" ];
  both =
    module: settings:
    builtins.listToAttrs (
      map
        (enable: {
          name = if enable then "on" else "off";
          value = configuration module (settings // { inherit enable; });
        })
        [
          false
          true
        ]
    );

  declared = module: (evaluate module { } { }).options.virtualisation.docker.rootless;
  added = (declared after).${option};
in
{
  modules = if ownModules then "unlet's own module system" else "the module system of its lib";
  before = both before { };
  after = both after { };
  wrapped = both after { ${option} = true; };
  own =
    let
      settings = {
        enable = true;
        ${option} = true;
      };
      wrappers = (evaluate after settings { ${wrapper}.capabilities = "cap_sys_admin+ep"; }).config.security.wrappers;
      found = builtins.tryEval wrappers.${wrapper}.capabilities;
    in
    if found.success then found.value else "";
  options = {
    before = builtins.attrNames (declared before);
    after = builtins.attrNames (declared after);
  };
  option = {
    type = added.type.name;
    inherit (added) default;
    description = added.description.text or added.description;
  };
  rootlesskit = "${pkgs.rootlesskit}/bin/rootlesskit";
}
