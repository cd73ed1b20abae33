# Every package of a nixpkgs with what is compared of it, in such parts as fit into memory.
#   nix search --json --file all.nix --argstr tree /path --argstr system … chunk ^-$
# Arguments, each a string: `tree` and `system` as for judge.nix; `paths`, JSON, a list of attribute paths, each a list of
# names, or "null" for the names of the set alone; `mark`, which no file of the tree knows.
# Result: { chunk }: what is at and below `paths`, for `nix search`. That evaluates each element of `chunk`, and passes over
# one that does not evaluate, whatever the error is, as no expression can.
# A line on stderr is `trace: `, the mark and JSON: [ path ] before the attribute is evaluated, then [ path answer ]:
# "throws", "skipped" for what is no package, or an object with `derivation` and those with a digest of each other part,
# passthru last, since it is what ends an evaluation; or [ path names ] of a set, before what is in it.
{
  tree,
  system,
  paths,
  mark,
}:
let
  inherit (builtins)
    attrNames
    deepSeq
    foldl'
    fromJSON
    isAttrs
    isString
    listToAttrs
    mapAttrs
    seq
    toJSON
    trace
    tryEval
    ;

  judge = import ./judge.nix {
    inherit tree system;
    # Each alias is another package once more, or throws.
    aliases = "";
  };
  inherit (judge) digests set;

  guarded =
    value:
    let
      attempt = tryEval value;
    in
    if attempt.success then attempt.value else "throws";

  kind =
    value:
    guarded (
      if !isAttrs value then
        "skipped"
      else if value.type or null == "derivation" then
        "package"
      else if value.recurseForDerivations or false then
        "set"
      else
        "skipped"
    );

  say = line: value: trace "${mark}${toJSON line}" value;
  done = {
    type = "derivation";
    name = "done";
  };

  answer =
    path: value:
    let
      found = kind value;
      inner = removeAttrs value [ "recurseForDerivations" ];
      derivation = guarded (judge.derivation value);
      rest = digests value;
    in
    say [ path ] (
      if found == "set" then
        say [
          path
          (attrNames inner)
        ] (mapAttrs (name: answer (path ++ [ name ])) inner // { recurseForDerivations = true; })
      else if found != "package" || isString derivation then
        say [
          path
          (if found == "package" then derivation else found)
        ] done
      else
        deepSeq derivation (
          say [
            path
            derivation
          ] (told path (removeAttrs rest [ "passthru" ]) (told path { inherit (rest) passthru; } done))
        )
    );
  told =
    path: digests: next:
    deepSeq digests (
      say [
        path
        digests
      ] next
    );

  at = foldl' (value: name: value.${name}) set;
  asked = fromJSON paths;
in
{
  # Of other names `nix search` takes an error for its own, and one of the whole chunk ends it.
  chunk =
    if asked == null then
      seq (attrNames set) {
        legacyPackages.all.names = say [
          [ ]
          (attrNames set)
        ] done;
      }
    else
      {
        legacyPackages.all = listToAttrs (
          map (path: {
            name = toJSON path;
            value = answer path (at path);
          }) asked
        );
      };
}
