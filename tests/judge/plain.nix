# What plain Nix says of an expression about a package set, with no code of unlet's but the configuration.
#
# Arguments, strings: `tree`, a nixpkgs; `system`, a system, `cross` or `static`; `config`, a file; `truth`, a file with an
# expression, in which `pkgs` is the set and `seen` a function of a package; `say` writes a value to stderr, at once, behind a
# name. Result: what the expression gives, as a text.
{
  tree,
  system,
  config,
  truth,
}:
let
  arguments = {
    localSystem.system =
      if
        builtins.elem system [
          "cross"
          "static"
        ]
      then
        "x86_64-linux"
      else
        system;
    overlays = [ ];
    config = import (/. + config);
  };
  set = import (/. + tree) (
    if system == "cross" then arguments // { crossSystem.system = "aarch64-linux"; } else arguments
  );
  pkgs = if system == "static" then set.pkgsStatic else set;

  text =
    value:
    let
      attempt = builtins.tryEval (builtins.unsafeDiscardStringContext (builtins.toJSON value));
    in
    if attempt.success then attempt.value else "throws";
  # All that is easily seen of a package, positions apart.
  seen = package: {
    drv = text package.drvPath;
    out = text package.outPath;
    meta = text (
      removeAttrs package.meta [
        "position"
        "maintainersPosition"
        "teamsPosition"
      ]
    );
    names = text (builtins.attrNames package);
    arguments = text (package.override.__functionArgs or null);
  };
  say = name: value: builtins.trace "${name} ${builtins.toJSON value}" null;
in
text (builtins.scopedImport { inherit pkgs say seen; } (/. + truth))
