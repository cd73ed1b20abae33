# A docker by the boolean parameters on which its wrapper depends.
# Arguments: `lib`; `guarded`, which makes { error } of a throw; `describe`, what is to be known of a docker.
# Result: { matters, forms }, functions of `make`, from values for parameters to the docker that is made with them, and of
# a parameter, to whether the wrapper depends on it; or of several ones, to "name = value, …" → what `describe` says of
# that docker unless that throws, by each combination of up to four; of more, by each value of one, and by each false
# while all others are true.
{
  lib,
  guarded,
  describe,
}:
let
  inherit (builtins)
    concatMap
    concatStringsSep
    deepSeq
    filter
    foldl'
    length
    listToAttrs
    replaceStrings
    toJSON
    tryEval
    ;

  inherit (import ./contents.nix { inherit lib; }) scripts text;

  combinations = foldl' (
    found: name:
    concatMap (flags: [
      (flags // { ${name} = false; })
      (flags // { ${name} = true; })
    ]) found
  ) [ { } ];

  singles =
    names:
    let
      all = lib.genAttrs names (_: true);
    in
    concatMap (name: [
      { ${name} = false; }
      { ${name} = true; }
      (all // { ${name} = false; })
    ]) names;

  show =
    flags:
    concatStringsSep ", " (map (name: "${name} = ${toJSON flags.${name}}") (lib.attrNames flags));
  has = docker: docker.moby or null != null;
  # The install steps, and the shell variables that they use.
  seen =
    names: docker:
    if has docker then
      scripts docker.moby ++ map (name: text (docker.moby.drvAttrs.${name} or "")) names
    else
      null;
  variables =
    docker:
    let
      script = concatStringsSep "\n" (scripts docker.moby);
      isUsed = name: replaceStrings [ ("$" + name) ("$" + "{" + name) ] [ "" "" ] script != script;
    in
    if has docker then filter isUsed (lib.attrNames docker.moby.drvAttrs) else [ ];
in
{
  # What is made without a parameter does not notice that it throws.
  matters =
    make:
    let
      names = variables (make { });
    in
    name:
    let
      found = seen names (make {
        ${name} = throw "no value";
      });
    in
    !(tryEval (deepSeq found null)).success;

  forms =
    make: names:
    listToAttrs (
      filter ({ value, ... }: !(value ? error)) (
        map (flags: {
          name = show flags;
          value = guarded (describe (make flags));
        }) (if names == [ ] then [ ] else (if length names > 4 then singles else combinations) names)
      )
    );
}
