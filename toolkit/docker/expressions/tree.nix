# What a whole nixpkgs makes of docker: the derivations of its releases and components.
#   nix-instantiate --eval --strict --json tree.nix --argstr tree /path/of/nixpkgs …
# Arguments, each a string: `tree`, the absolute path of a nixpkgs; `system`, the system that builds;
# `crossSystem`, the one that it builds for where that is another, or ""; `question`, JSON, an object with the lists
# of names `releases` and `components`; `tools`, JSON, what config.tools is (see the specimen), or "".
# Result: attribute path → drvPath, "throws" where evaluation throws, "absent" where there is none.
{
  tree,
  system,
  question,
  crossSystem ? "",
  tools ? "",
}:
let
  inherit (builtins)
    concatMap
    fromJSON
    isAttrs
    listToAttrs
    tryEval
    unsafeDiscardStringContext
    ;
  asked = fromJSON question;
  packages = import ./set.nix {
    inherit
      crossSystem
      system
      tools
      tree
      ;
  };

  isDerivation = value: isAttrs value && value.type or null == "derivation";
  answer =
    value:
    let
      attempt = tryEval (if isDerivation value then unsafeDiscardStringContext value.drvPath else "absent");
    in
    if attempt.success then attempt.value else "throws";

  whole = asked.releases ++ [ "docker" ];
in
listToAttrs (
  map (name: {
    inherit name;
    value = answer (packages.${name} or null);
  }) (whole ++ [ "docker-client" ])
  ++ concatMap (
    package:
    map (component: {
      name = "${package}.${component}";
      value = answer (packages.${package}.${component} or null);
    }) asked.components
  ) whole
)
