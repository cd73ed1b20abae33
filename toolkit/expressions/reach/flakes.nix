# A flake with its inputs: the given ones, else what its lock says, which may have to be fetched.
{ inputs }:
let
  inherit (builtins)
    attrNames
    concatStringsSep
    foldl'
    fromJSON
    functionArgs
    isList
    listToAttrs
    substring
    ;

  given = fromJSON inputs;

  flakeAt = path: flakeOf path (lockOf path) (lockOf path).root [ ];

  lockOf =
    path:
    if builtins.pathExists (/. + path + "/flake.lock") then
      fromJSON (textOf (path + "/flake.lock"))
    else
      {
        root = "root";
        nodes.root = { };
      };

  textOf = path: builtins.readFile (/. + path);

  flakeOf =
    path: lock: node: way:
    let
      flake = import (/. + path + "/flake.nix");
      wanted = attrNames (removeAttrs (functionArgs flake.outputs) [ "self" ]) ++ attrNames (flake.inputs or { });
      inputs = listToAttrs (
        map (name: {
          inherit name;
          value = inputOf path lock node (way ++ [ name ]) name;
        }) wanted
      );
      self = outputs // {
        inherit inputs outputs;
        outPath = path;
        sourceInfo.outPath = path;
        _type = "flake";
      };
      outputs = flake.outputs (inputs // { inherit self; });
    in
    self;

  nodeOf =
    lock: node: name:
    let
      led = lock.nodes.${node}.inputs.${name};
    in
    if isList led then foldl' (nodeOf lock) lock.root led else led;

  inputOf =
    path: lock: node: way: name:
    builtins.addErrorContext "unlet: input '${concatStringsSep "/" way}'" (
      if way == [ name ] && given ? ${name} then
        flakeOf given.${name} (lockOf given.${name}) (lockOf given.${name}).root way
      else if !(lock.nodes.${node}.inputs or { }) ? ${name} then
        throw "unlet: input '${concatStringsSep "/" way}' is not locked${
          if lock.nodes == { root = { }; } then ", since there is no flake.lock: 'nix flake lock' writes it" else ""
        }"
      else
        let
          next = nodeOf lock node name;
          locked = lock.nodes.${next};
          # Sealed, Nix has no such builtin.
          fetched =
            if builtins ? fetchTree then
              "${builtins.fetchTree locked.locked}"
            else
              throw "unlet: input '${concatStringsSep "/" way}' is not read, since --sealed fetches nothing";
          place = if locked.locked.type == "path" then path + "/" + locked.locked.path else fetched;
          here = if substring 0 1 (locked.locked.path or "") == "/" then locked.locked.path else place;
        in
        if locked.flake or true then flakeOf here lock next way else { outPath = here; }
    );
in
{
  inherit
    flakeAt
    ;
}
