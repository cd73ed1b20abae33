# What the modules of NixOS declare, and what they make of a machine. Arguments: `tree`, a nixpkgs; `set`, its packages, and
# functions of judge.nix. Result: a function of a question, one of
#   { declared, names }: files below the tree, whose options are shown, and those with these names;
#   { on, declared, imports }: a machine with these options on, a list of paths. With null for `on`, those called `enable` that
#     the files declare. `imports` are modules that NixOS has not by itself;
#   { alias, to }: the path of an option, and those where a value of it may arrive;
#   { tests }: files with tests of lib: the names of those that fail, of each file, and null for what lists none.
{
  attempt,
  brief,
  isPackage,
  plain,
  set,
  threw,
  tree,
}:
let
  inherit (builtins)
    attrNames
    attrValues
    any
    concatMap
    concatStringsSep
    elem
    elemAt
    filter
    head
    isAttrs
    isFunction
    isList
    isString
    length
    listToAttrs
    map
    mapAttrs
    match
    pathExists
    replaceStrings
    tail
    toJSON
    typeOf
    ;

  evaluate = import (/. + tree + "/nixos/lib/eval-config.nix");
  evaluated =
    modules:
    evaluate (
      {
        system = "x86_64-linux";
        inherit (set) lib;
        pkgs = set;
        modules = [ machine ] ++ modules;
      }
      // (
        if builtins.functionArgs evaluate ? modulesLocation then
          { modulesLocation = "configuration.nix"; }
        else
          { }
      )
    );
  # The least that a machine has to say. The manual has every description.
  machine = {
    boot.loader.grub.enable = false;
    documentation.nixos.enable = false;
    fileSystems."/" = {
      device = "/dev/disk/by-label/root";
      fsType = "ext4";
    };
    system.stateVersion = set.lib.trivial.release or "26.11";
  };
  imported =
    imports:
    map (name: /. + tree + "/${name}") (
      filter (name: pathExists (/. + tree + "/${name}")) imports
    );
  usual = evaluated [ ];
  # With modules that NixOS has not by itself.
  optionsWith = imports: if imports == [ ] then usual.options else (evaluated (imported imports)).options;

  isOption = value: isAttrs value && value._type or null == "option";
  collect =
    options:
    if isOption options then
      [ options ]
    else if isAttrs options then
      concatMap collect (attrValues (removeAttrs options [ "_module" ]))
    else
      [ ];
  at =
    path: value:
    if path == [ ] then
      value
    else if isAttrs value && value ? ${head path} then
      at (tail path) value.${head path}
    else
      null;
  nested =
    path: value: if path == [ ] then value else { ${head path} = nested (tail path) value; };

  called =
    path:
    concatStringsSep "." (
      map (
        name:
        if match "[a-zA-Z_][a-zA-Z0-9_'-]*|<.*>|[*]" name != null then name else toJSON name
      ) path
    );
  isIn = files: option: any (file: elem "${tree}/${file}" (map toString option.declarations)) files;

  # A value as people write it: a package by its name.
  shown =
    depth: given:
    let
      value = attempt given;
      kind = typeOf value;
    in
    if isPackage value then
      "package ${plain (value.name or "?")}"
    else if isAttrs value && isString (value._type or null) && value ? text then
      attempt value.text
    else if kind == "lambda" || isAttrs value && value ? __functor then
      "a function"
    else if kind == "path" then
      toString value
    else if kind == "string" then
      plain value
    else if kind == "list" then
      if depth == 0 then "${toString (length value)} members" else map (shown (depth - 1)) value
    else if kind == "set" then
      if depth == 0 || length (attrNames value) > 48 then
        attrNames value
      else
        mapAttrs (_: shown (depth - 1)) value
    else
      value;

  # Values that types tell apart.
  probes = [
    null
    true
    (-1)
    0
    1
    2
    80
    443
    1024
    65535
    65536
    1.5
    ""
    "x"
    "unlet"
    "/x"
    "a b"
    "80"
    "1.2.3.4"
    [ ]
    [ "x" ]
    [ 80 ]
    { }
    { x = "x"; }
    (_: { })
  ];
  typeShape =
    depth: type:
    let
      payload = attempt (type.functor.payload or null);
      values =
        if isList payload then payload else if isAttrs payload then payload.values or null else null;
      inner = type.nestedTypes or { };
      nestedShape = name: if inner ? ${name} then { ${name} = typeShape (depth - 1) inner.${name}; } else { };
    in
    {
      description = attempt (type.description or "unspecified");
      accepts = map (value: attempt (type.check value) == true) probes;
      closed = (type.name or "") == "submodule" && !(inner ? freeformType);
      values = if type.name or "" == "enum" && isList values then map (shown 1) values else null;
      nested = if depth == 0 then { } else nestedShape "elemType" // nestedShape "freeformType";
    };

  optionShape = option: {
    inherit (option) loc;
    files = map (file: replaceStrings [ "${tree}/" ] [ "" ] (toString file)) option.declarations;
    type = typeShape 3 (option.type or { check = _: true; });
    default = if option ? default then { value = brief (shown 4 option.default); } else null;
    documentation = mapAttrs (_: value: brief (shown 4 value)) {
      description = option.description or null;
      example = option.example or null;
      defaultText = option.defaultText or null;
    };
    readOnly = option.readOnly or false;
    internal = option.internal or false;
    visible = option.visible or true;
  };
  inner =
    depth: option:
    let
      options = attempt (removeAttrs (option.type.getSubOptions option.loc or { }) [ "_module" ]);
    in
    [ option ]
    ++ (
      if depth == 0 || option.visible or true != true || !isAttrs options || options == threw then
        [ ]
      else
        concatMap (inner (depth - 1)) (collect options)
    );
  optionsOf =
    {
      declared,
      names,
      imports ? [ ],
    }:
    let
      every = collect (optionsWith imports);
      isNamed = option: elem (called option.loc) names;
      chosen = concatMap (inner 4) (filter (isIn declared) every);
      others = concatMap (inner 4) (filter isNamed every);
    in
    {
      options = listToAttrs (
        map (option: {
          name = called option.loc;
          value = optionShape option;
        }) (others ++ chosen)
      );
    };

  switches =
    declared: options:
    filter (
      option:
      isIn declared option
      && elemAt option.loc (length option.loc - 1) == "enable"
      && option.visible or true == true
      && !(option.readOnly or false)
      && !(option.internal or false)
      && attempt (option.type.check true) == true
      && attempt (option.value or null) == false
    ) (collect options);

  # What has no default is what its example says, unless a module says more.
  examples =
    declared: options:
    map
      (
        option: nested option.loc {
          _type = "override";
          priority = 1400;
          content = option.example;
        }
      )
      (
        filter (
          option:
          !(option ? default)
          && option ? example
          && attempt (isAttrs option.example && option.example ? _type) == false
          && attempt (option.type.check option.example) == true
          && !any (name: match "<.*>|[*]" name != null) option.loc
        ) (concatMap (inner 4) (filter (isIn declared) (collect options)))
      );

  # What is shown of a machine, by the way to it.
  unit =
    unit:
    {
      text = unit.text or "";
    }
    // mapAttrs (_: plainly) (
      builtins.intersectAttrs {
        aliases = null;
        enable = null;
        overrideStrategy = null;
        requiredBy = null;
        upheldBy = null;
        wantedBy = null;
      } unit
    );
  file =
    file:
    builtins.intersectAttrs {
      group = null;
      mode = null;
      user = null;
    } file
    // {
    text = plainly (if file.text or null != null then file.text else file.source or null);
  };
  plainly =
    given:
    let
      value = attempt given;
      kind = typeOf value;
    in
    if kind == "string" then
      plain value
    else if kind == "path" then
      toString value
    else if isPackage value then
      attempt (plain value.outPath)
    else if kind == "list" then
      map plainly value
    else if kind == "lambda" then
      "a function"
    else if kind == "set" then
      mapAttrs (_: plainly) (removeAttrs value [ "_module" ])
    else
      value;
  entries = of: values: mapAttrs (_: value: attempt (builtins.deepSeq (of value) (of value))) values;
  enabled =
    values: removeAttrs values (filter (name: !(values.${name}.enable or true)) (attrNames values));
  parts =
    config:
    let
      under =
        path:
        let
          value = at path config;
        in
        if isAttrs value then value else { };
      some = names: path: builtins.intersectAttrs (listToAttrs (map (name: { inherit name; value = null; }) names)) (under path);
    in
    {
      "systemd.units" = entries unit (under [ "systemd" "units" ]);
      "systemd.user.units" = entries unit (under [ "systemd" "user" "units" ]);
      "environment.etc" = entries file (enabled (under [ "environment" "etc" ]));
      "users.users" = entries (user: plainly (removeAttrs user [ "packages" ])) (
        enabled (under [ "users" "users" ])
      );
      "users.groups" = entries plainly (under [ "users" "groups" ]);
      "networking.firewall" = entries plainly (
        removeAttrs (under [ "networking" "firewall" ]) [
          # What follows from the others.
          "allInterfaces"
          "package"
        ]
      );
      "security.wrappers" = entries plainly (enabled (under [ "security" "wrappers" ]));
      "boot.kernel.sysctl" = entries plainly (under [ "boot" "kernel" "sysctl" ]);
      "environment" = entries plainly (some [ "systemPackages" "variables" ] [ "environment" ]);
      "boot" = entries plainly (some [ "kernelModules" "kernelParams" ] [ "boot" ]);
      "systemd.tmpfiles" = entries plainly (some [ "rules" "settings" ] [ "systemd" "tmpfiles" ]);
      "system.activationScripts" = entries (script: plainly (script.text or script)) (
        removeAttrs (under [ "system" "activationScripts" ]) [ "script" ]
      );
    };
  configuration =
    {
      on ? null,
      declared ? [ ],
      imports ? [ ],
    }:
    let
      options = optionsWith imports;
      chosen = if on == null then map (option: option.loc) (switches declared options) else on;
      config =
        (evaluated (
          imported imports
          ++ map (path: nested path true) chosen
          ++ (if chosen == [ ] then [ ] else examples declared options)
        )).config;
      # What is not on every machine.
      known = mapAttrs (_: part: attempt part) (parts config);
      refusals = map (one: plain one.message) (filter (one: !one.assertion) config.assertions);
    in
    {
      on = chosen;
      inherit refusals;
      system = if refusals == [ ] then plain config.system.build.toplevel.drvPath else null;
      parts = known;
      warnings = map plain config.warnings;
    };

  # Where a value of an option arrives, and what refuses it. It is a value that the other option would not have.
  alias =
    { alias, to }:
    let
      option = at alias usual.options;
      others = filter (other: isOption other.option) (
        map (path: {
          inherit path;
          option = at path usual.options;
        }) to
      );
      reaches =
        other:
        let
          now = attempt other.option.value;
          fit = filter (
            value:
            attempt (other.option.type.check value) == true
            && attempt (option.type.check value) == true
            && attempt (value == now) != true
          ) (filter (value: !isFunction value) probes);
          config = (evaluated [ (nested alias (head fit)) ]).config;
        in
        fit != [ ] && attempt (at other.path config == head fit) == true;
      values = filter (value: value != null && attempt (option.type.check value) == true) probes;
      refusing = (evaluated [ (nested alias (head values)) ]).config.assertions;
      name = called alias;
      refusals = filter (text: replaceStrings [ "`${name}'" ] [ "" ] text != text) (
        map (one: plain one.message) (filter (one: !one.assertion) refusing)
      );
    in
    {
      there = isOption option;
      reaches = if isOption option then map (other: other.path) (filter reaches others) else [ ];
      refusals = if isOption option && values != [ ] then refusals else [ ];
    };
  # What `lib.runTests` gives.
  failing =
    file:
    let
      place = /. + tree + "/${file}";
      tests = if pathExists place then attempt (import place) else null;
    in
    if isList tests then map (test: test.name) tests else null;
in
question:
if question ? tests then
  listToAttrs (
    map (name: {
      inherit name;
      value = failing name;
    }) question.tests
  )
else if question ? alias then
  alias question
else if question ? names then
  optionsOf question
else
  configuration question
