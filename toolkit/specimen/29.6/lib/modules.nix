# A small module system: options with `default` and `apply`, mkIf, mkDefault, mkForce, and definitions that are attribute
# sets or lists, which are merged, or anything else, of which there can be one.
# Argument: `lib`. Result: what modules need of a lib; what no module declares is merged as it is defined.
{ lib }:
let
  inherit (builtins)
    all
    any
    concatMap
    filter
    foldl'
    head
    isAttrs
    isFunction
    isList
    isPath
    mapAttrs
    removeAttrs
    tail
    zipAttrsWith
    ;

  kindOf = value: value._type or null;
  isOption = value: kindOf value == "option";
  priority = value: if kindOf value == "override" then value.priority else 100;
  isSet = value: isAttrs value && value.type or null != "derivation" && kindOf value == null;

  # The tree of all options, from the modules' trees. An option may be declared in parts.
  declare =
    trees:
    if any isOption trees then foldl' (known: option: option // known) { } trees else zipAttrsWith (_: declare) trees;

  # The definitions below a value at a path, with their conditions, none of which is looked at to find them.
  at =
    path: conditions: value:
    if kindOf value == "if" then
      at path (conditions ++ [ value.condition ]) value.content
    else if path == [ ] then
      [ { inherit conditions value; } ]
    else if isAttrs value && value ? ${head path} then
      at (tail path) conditions value.${head path}
    else
      [ ];

  held = found: map (one: one.value) (filter (one: all (condition: condition) one.conditions) found);

  # What a list of values becomes, as a list of one value, or of none.
  merge =
    path: values:
    let
      plain = held (concatMap (at [ ] [ ]) values);
      first = foldl' (least: value: if priority value < least then priority value else least) 10000 plain;
      left = map (value: if kindOf value == "override" then value.content else value) (
        filter (value: priority value == first) plain
      );
      merged = zipAttrsWith (name: merge (path ++ [ name ])) left;
    in
    if left == [ ] then
      [ ]
    else if all isSet left then
      [ (mapAttrs (_: head) (lib.filterAttrs (_: found: found != [ ]) merged)) ]
    else if all isList left then
      [ (builtins.concatLists left) ]
    else if all (value: value == head left) left then
      [ (head left) ]
    else
      throw "The option `${builtins.concatStringsSep "." path}' has conflicting definition values";

  evalModules =
    {
      modules,
      specialArgs ? { },
    }:
    let
      call =
        module:
        if isFunction module then
          module (
            specialArgs
            // {
              inherit lib;
              config = declared;
            }
          )
        else
          module;
      read = map (module: call (if isPath module then import module else module)) modules;
      options = declare (map (module: module.options or { }) read);
      definitions = map (module: module.config or (removeAttrs module [ "options" ])) read;
      valueOf =
        path: tree:
        if isOption tree then
          let
            found = merge path (held (concatMap (at path [ ]) definitions));
          in
          (tree.apply or (value: value)) (if found == [ ] then tree.default else head found)
        else
          mapAttrs (name: valueOf (path ++ [ name ])) tree;
      declared = valueOf [ ] options;
      defined = merge [ ] definitions;
    in
    {
      inherit options;
      config = lib.recursiveUpdate (if defined == [ ] then { } else head defined) declared;
    };

  override = priority: content: {
    _type = "override";
    inherit priority content;
  };
  kind = name: { inherit name; };
  kinds = lib.genAttrs [ "anything" "attrs" "bool" "package" "raw" "str" ] kind;
in
{
  inherit evalModules;
  mkOption = option: option // { _type = "option"; };
  mkPackageOption =
    packages: name: _:
    lib.mkOption {
      type = kind "package";
      default = packages.${name};
      description = name;
    };
  mkIf = condition: content: {
    _type = "if";
    inherit condition content;
  };
  mkDefault = override 1000;
  mkForce = override 50;
  mdDoc = text: text;
  literalExpression = text: text;
  types = kinds // lib.genAttrs [ "attrsOf" "enum" "listOf" "nullOr" ] (name: _: kind name);
}
