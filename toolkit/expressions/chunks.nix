# The derivations of chunks of questions, in their order. `request` is the path of a JSON object: `chunks` has the attributes
# of each derivation, `shared` those of all. `stored` names attributes that are paths of the store.
{ request }:
let
  inherit (builtins)
    currentSystem
    fromJSON
    intersectAttrs
    listToAttrs
    mapAttrs
    readFile
    storePath
    ;
  given = fromJSON (readFile (/. + request));
  names = listToAttrs (
    map (name: {
      inherit name;
      value = null;
    }) given.stored
  );
  placed = mapAttrs (_: path: if path == "" then "" else storePath path);
  chunk =
    attributes:
    let
      whole = given.shared // attributes;
    in
    derivation (
      whole
      // placed (intersectAttrs names whole)
      // {
        name = "unlet-chunk";
        system = currentSystem;
        builder = storePath given.shared.shell;
        args = [ (storePath given.shared.script) ];
        passAsFile = [ "words" ];
      }
    );
in
map chunk given.chunks
