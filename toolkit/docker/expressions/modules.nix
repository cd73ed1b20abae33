# A small module system, for a lib that has none: options with `default` and `apply`, mkIf, mkDefault, mkForce, and
# definitions that are attribute sets or lists, which are merged, or anything else, of which there can be one.
# Argument: `lib`. Result: the lib with what modules need; what no module declares is merged as it is defined.
{ lib }:
let
  inherit (builtins)
    concatMap
    filter
    isAttrs
    isList
    ;

  isOption = value: value._type or null == "option";
  isCondition = value: value._type or null == "if";
  isOverride = value: value._type or null == "override";
  priority = value: if isOverride value then value.priority else 100;
  isSet = value: isAttrs value && value.type or null != "derivation" && !(value ? _type);

  # The tree of all options, from the modules' trees. An option may be declared in parts.
  declare =
    trees:
    if builtins.any isOption trees then
      builtins.foldl' (all: option: option // all) { } trees
    else
      builtins.zipAttrsWith (_: declare) trees;

  # The definitions below a value at a path, with their conditions, none of which is looked at to find them.
  at =
    path: conditions: value:
    if isCondition value then
      at path (conditions ++ [ value.condition ]) value.content
    else if path == [ ] then
      [ { inherit conditions value; } ]
    else if isAttrs value && value ? ${builtins.head path} then
      at (builtins.tail path) conditions value.${builtins.head path}
    else
      [ ];

  held =
    found:
    map (one: one.value) (filter (one: builtins.all (condition: condition) one.conditions) found);

  # What a list of values becomes, as a list of one value, or of none.
  merge =
    path: values:
    let
      plain = held (concatMap (at [ ] [ ]) values);
      first = builtins.foldl' (
        least: value: if priority value < least then priority value else least
      ) 10000 plain;
      left = map (value: if isOverride value then value.content else value) (
        filter (value: priority value == first) plain
      );
    in
    if left == [ ] then
      [ ]
    else if builtins.all isSet left then
      [
        (builtins.mapAttrs (_: builtins.head) (
          lib.filterAttrs (_: found: found != [ ]) (
            builtins.zipAttrsWith (name: merge (path ++ [ name ])) left
          )
        ))
      ]
    else if builtins.all isList left then
      [ (builtins.concatLists left) ]
    else if builtins.all (value: value == builtins.head left) left then
      [ (builtins.head left) ]
    else
      throw "The option `${builtins.concatStringsSep "." path}' has conflicting definition values";

  evalModules =
    { modules, specialArgs }:
    let
      call =
        module:
        if builtins.isFunction module then
          module (
            specialArgs
            // {
              config = declared;
              lib = extended;
            }
          )
        else
          module;
      read = map (module: call (if builtins.isPath module then import module else module)) modules;
      options = declare (map (module: module.options or { }) read);
      definitions = map (module: module.config or (removeAttrs module [ "options" ])) read;
      valueOf =
        path: tree:
        if isOption tree then
          let
            found = merge path (held (concatMap (at path [ ]) definitions));
          in
          (tree.apply or (value: value)) (if found == [ ] then tree.default else builtins.head found)
        else
          builtins.mapAttrs (name: valueOf (path ++ [ name ])) tree;
      declared = valueOf [ ] options;
      defined = merge [ ] definitions;
    in
    {
      inherit options;
      config = lib.recursiveUpdate (if defined == [ ] then { } else builtins.head defined) declared;
    };

  kind = name: { inherit name; };
  of = name: _: kind name;

  extended = lib // {
    inherit evalModules;
    mkOption = option: option // { _type = "option"; };
    mkPackageOption =
      packages: name: _:
      extended.mkOption {
        type = kind "package";
        default = packages.${name};
        description = name;
      };
    mkEnableOption =
      what:
      extended.mkOption {
        type = kind "bool";
        default = false;
        description = what;
      };
    mkIf = condition: content: {
      _type = "if";
      inherit condition content;
    };
    mkDefault = content: {
      _type = "override";
      priority = 1000;
      inherit content;
    };
    mkForce = content: {
      _type = "override";
      priority = 50;
      inherit content;
    };
    mdDoc = text: text;
    literalExpression = text: text;
    types = {
      attrsOf = of "attrsOf";
      enum = of "enum";
      listOf = of "listOf";
      nullOr = of "nullOr";
    }
    // lib.genAttrs [
      "anything"
      "attrs"
      "bool"
      "int"
      "package"
      "path"
      "raw"
      "singleLineStr"
      "str"
    ] kind;
  };
in
extended
