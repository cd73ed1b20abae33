# A small evalModules, for a lib that has none: options with a default and `apply`, mkIf, and definitions that are
# attribute sets or lists, which are merged, or anything else, of which there can be one.
# Argument: `lib`. Result: the lib with what modules need.
{ lib }:
let
  inherit (builtins)
    concatMap
    filter
    foldl'
    isAttrs
    isList
    ;

  isOption = value: value._type or null == "option";
  isCondition = value: value._type or null == "if";

  # All below a tree of options, as { path, option }.
  flatten =
    path: tree:
    if isOption tree then
      [
        {
          inherit path;
          option = tree;
        }
      ]
    else
      concatMap (name: flatten (path ++ [ name ]) tree.${name}) (builtins.attrNames tree);

  # The definitions at a path, with their conditions, none of which is looked at to find them.
  definitions =
    path: conditions: value:
    if isCondition value then
      definitions path (conditions ++ [ value.condition ]) value.content
    else if path == [ ] then
      [ { inherit conditions value; } ]
    else
      let
        name = builtins.head path;
      in
      if value ? ${name} then definitions (builtins.tail path) conditions value.${name} else [ ];

  merge =
    path: values:
    if builtins.all isList values then
      builtins.concatLists values
    else if builtins.all (value: isAttrs value && value.type or null != "derivation") values then
      foldl' (merged: value: merged // value) { } values
    else if builtins.length values == 1 then
      builtins.head values
    else
      throw "The option `${builtins.concatStringsSep "." path}' has conflicting definition values";

  put =
    path: value: tree:
    if path == [ ] then
      value
    else
      let
        name = builtins.head path;
      in
      tree // { ${name} = put (builtins.tail path) value (tree.${name} or { }); };

  evalModules =
    { modules, specialArgs }:
    let
      call =
        module:
        if builtins.isFunction module then
          module (
            specialArgs
            // {
              inherit config;
              lib = extended;
            }
          )
        else
          module;
      read = map (module: call (if builtins.isPath module then import module else module)) modules;
      declared = concatMap (module: flatten [ ] (module.options or { })) read;
      paths = foldl' (
        seen: { path, ... }: if builtins.elem path seen then seen else seen ++ [ path ]
      ) [ ] declared;
      valueAt =
        path:
        let
          option = foldl' (all: { option, ... }: option // all) { } (filter (one: one.path == path) declared);
          found = concatMap (
            module: definitions path [ ] (module.config or (removeAttrs module [ "options" ]))
          ) read;
          values = map ({ value, ... }: value) (
            filter ({ conditions, ... }: builtins.all (held: held) conditions) found
          );
        in
        (option.apply or (value: value)) (if values == [ ] then option.default else merge path values);
      config = foldl' (tree: path: put path (valueAt path) tree) { } paths;
    in
    {
      inherit config;
    };

  kind = name: { inherit name; };

  extended = lib // {
    inherit evalModules;
    mkOption = option: option // { _type = "option"; };
    mkIf = condition: content: {
      _type = "if";
      inherit condition content;
    };
    types = {
      attrsOf = kind;
      enum = kind;
      listOf = kind;
      nullOr = kind;
    }
    // lib.genAttrs [ "attrs" "bool" "package" "raw" "str" ] kind;
  };
in
extended
