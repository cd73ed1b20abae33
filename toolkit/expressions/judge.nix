# What can be seen of attributes of a nixpkgs, part by part, so that two trees can be compared.
#
# Arguments, each a string: `tree`, the absolute path of a nixpkgs; `system`, a system, `cross` (from x86_64-linux to
# aarch64-linux) or `static` (pkgsStatic of x86_64-linux); `questions`, JSON, a list of { number, path, parts }: an attribute
# path, and the names of the parts that are asked for; `given` are arguments and attributes by what the text of a file does with
# them, `marked` names of the set that throw, `settings`
# are JSON, what nixpkgs is configured with as well, `through` names of inputs that lead from it to the package that is built, `modules` JSON of what is asked of NixOS' modules instead. `nixos` is not empty if NixOS tests are evaluated as well, `hashed` is
# not empty if all of a set is asked for: without aliases, and with a hash for most parts. `sign` is what the lines on stderr begin with that name the question, or the part of it, that
# is asked from there on. With `loud`, not empty, what throws ends the evaluation.
# Result: { answers, … }: how many there are. Each, an object by part, is on stderr, where also what begins is named. What throws
# is { "!" = "throws"; }, a long value its hash and length, and the names in a set. Or { chunk }, for `nix search`: that evaluates
# each question by itself, and passes over one that does not evaluate, whatever the error is, as no expression can.
{
  tree,
  system,
  questions ? "[]",
  sign ? "unlet:",
  hashed ? "",
  nixos ? "",
  loud ? "",
}:
let
  inherit (builtins)
    addErrorContext
    attrNames
    concatLists
    concatStringsSep
    deepSeq
    elem
    filter
    fromJSON
    functionArgs
    hashString
    head
    isAttrs
    isFunction
    isList
    isString
    length
    listToAttrs
    mapAttrs
    match
    seq
    split
    stringLength
    substring
    tail
    toJSON
    trace
    tryEval
    typeOf
    unsafeDiscardStringContext
    ;

  configured =
    settings:
    let
      config = import ./permitting.nix // (if hashed != "" then { allowAliases = false; } else { });
      given = if settings == "" then { } else fromJSON settings;
    in
    config // mapAttrs (name: value: if isAttrs value then config.${name} or { } // value else value) given;
  arguments = settings: {
    config = configured settings;
    overlays = if nixos != "" then [ ] else [ (import ./judge-tests.nix { inherit tree; }) ];
    localSystem.system =
      if
        elem system [
          "cross"
          "static"
        ]
      then
        "x86_64-linux"
      else
        system;
  };
  setOf =
    settings:
    let
      packages = import (/. + tree) (
        arguments settings
        // (if system == "cross" then { crossSystem.system = "aarch64-linux"; } else { })
      );
    in
    if system == "static" then packages.pkgsStatic or { } else packages;
  set = setOf "";
  # One for each configuration that a question asks for.
  sets =
    listToAttrs (
      map (question: {
        name = question.settings or "";
        value = setOf (question.settings or "");
      }) asked
    )
    // {
      "" = set;
    };

  threw = {
    "!" = "throws";
  };
  orElse =
    otherwise: value:
    let
      attempt = tryEval value;
    in
    if loud != "" then
      value
    else if attempt.success then
      attempt.value
    else
      otherwise;
  attempt = orElse threw;

  isPackage = value: isAttrs value && orElse null (value.type or null) == "derivation";
  plain = value: if isString value then unsafeDiscardStringContext value else value;
  path = value: attempt (plain (value.drvPath or null));
  output = value: attempt (plain (value.outPath or null));

  # A value as JSON can have it, as deep as is asked.
  show =
    depth: given:
    let
      value = attempt given;
      kind = typeOf value;
    in
    if kind == "lambda" then
      { "λ" = functionArgs value; }
    else if kind == "path" then
      toString value
    else if kind == "string" then
      plain value
    else if kind == "list" then
      if depth == 0 then { "[" = length value; } else map (show (depth - 1)) value
    else if kind != "set" then
      value
    else if isPackage value then
      {
        drv = path value;
        out = output value;
      }
    else if value ? __functor then
      { "λ" = orElse { } (value.__functionArgs or { }); }
    else if depth == 0 || length (attrNames value) > 48 then
      { "{" = attrNames value; }
    else
      mapAttrs (_: show (depth - 1)) value;

  # A long value is shown by what is in it: the names in a set, or the `labels` of a list, and for each member what stands for
  # it; `bare` and these are without the hashes of store paths. A function shows all its arguments.
  brief =
    value:
    let
      text = toJSON value;
      short = given: substring 0 12 (hashString "sha256" (bare (toJSON given)));
      members = value."{" or (if isAttrs value then attrNames value else [ ]);
    in
    if stringLength text > 400 && !(value ? "λ") then
      {
        "#" = hashString "sha256" text;
        length = stringLength text;
        bare = short value;
        names = members;
        each = if isAttrs value && !(value ? "{") then mapAttrs (_: short) value else { };
      }
      // (if isList value then { labels = map label value; } else { })
    else
      value;
  bare = text: concatStringsSep "/nix/store/…-" (filter isString (split "/nix/store/[0-9a-z]{32}-" text));
  label =
    value:
    let
      found = filter isString (
        map (name: value.${name} or null) [
          "github"
          "shortName"
          "spdxId"
          "name"
          "fullName"
        ]
      );
    in
    if isString value then
      value
    else if isAttrs value && found != [ ] then
      head found
    else if isAttrs value && isString (value.out or null) then
      concatStringsSep "" (filter isString (split "^/nix/store/[0-9a-z]{32}-((python|pypy)[0-9.]+-)?" value.out))
    else
      substring 0 12 (hashString "sha256" (toJSON value));
  summary = depth: value: brief (show depth value);

  kind =
    given:
    let
      value = attempt given;
    in
    if value == threw then
      "throws"
    else if isPackage value then
      "derivation"
    else
      typeOf value;

  at =
    names: value:
    if names == [ ] then
      value
    else if isAttrs value && value ? ${head names} then
      let
        inner = value.${head names};
      in
      # A server has the set of its packages as `pkgs`.
      if isPackage value && head names != "pkgs" && !isPackage (orElse null inner) then
        { "!" = "missing"; }
      else
        at (tail names) inner
    else
      { "!" = "missing"; };

  without = names: value: removeAttrs value names;

  inherit
    (import ./judge-fetches.nix {
      inherit
        attempt
        inValue
        isPackage
        orElse
        output
        path
        plain
        shown
        summary
        without
        ;
    })
    fetches
    input
    shownFetches
    texts
    ;

  own = [
    "__spliced"
    "all"
    "drvAttrs"
    "drvPath"
    "meta"
    "out"
    "outPath"
    "outputName"
    "outputs"
    "override"
    "overrideAttrs"
    "overrideDerivation"
    "overridePythonAttrs"
    "passthru"
    # Made of the derivation alone.
    "inputDerivation"
    "type"
  ];
  shown =
    package:
    let
      attributes = orElse { } (package.drvAttrs or { });
      # Of these passthru may have others, and people read them.
      others = filter (
        name:
        attributes ? ${name}
        && orElse null (plain attributes.${name}) != orElse null (plain (package.${name} or null))
      ) named;
    in
    without (
      own
      ++ filter (name: !(elem name others)) (attrNames attributes)
      ++ orElse [ ] (package.outputs or [ ])
    ) package;
  named = [
    "pname"
    "version"
  ];

  inherit
    (import ./judge-build.nix {
      inherit
        attempt
        isPackage
        orElse
        output
        path
        plain
        ;
    })
    build
    ;

  ofModules = import ./judge-modules.nix {
    inherit
      attempt
      brief
      isPackage
      plain
      set
      threw
      tree
      ;
  };

  inherit
    (import ./judge-overrides.nix {
      inherit
        inValue
        isPackage
        kind
        orElse
        output
        path
        plain
        summary
        ;
      arrives = name: trace "${sign} arrives ${name}";
      paired = system == "x86_64-linux";
      probe = probe "0";
    })
    called
    follows
    override
    ;
  probe =
    number:
    set.stdenv.mkDerivation {
      pname = "unlet-probe-${number}";
      version = "1";
    };

  # What people read of a source beside what fetches it, such as its revision.
  kindsOfSources =
    attributes:
    let
      isSource =
        name:
        let
          value = orElse null attributes.${name};
        in
        isPackage value && orElse null (value.drvAttrs.outputHash or null) != null;
      ofSource =
        source:
        let
          others = shown attributes.${source};
        in
        map (name: {
          name = "${source}.${name}";
          value = kind others.${name};
        }) (attrNames others);
    in
    listToAttrs (
      filter (each: each.value != "null") (concatLists (map ofSource (filter isSource (attrNames attributes))))
    );

  # An error that Nix cannot catch shows in which value it is.
  inValue = name: shown: addErrorContext "${sign} value ${name}" (deepSeq shown shown);
  values =
    depth: leaving: set:
    members (mapAttrs (name: value: inValue name (summarized name (show depth value))) (without leaving set));
  # What updates a package is read by its values.
  summarized = name: shown: if name == "updateScript" && isAttrs shown then mapAttrs (_: brief) shown else brief shown;
  # A set with one of these becomes the text that it stands for.
  members =
    set:
    without texted set
    // listToAttrs (
      map (name: {
        name = "(${name})";
        value = set.${name};
      }) (filter (name: set ? ${name}) texted)
    );
  texted = [
    "__toString"
    "outPath"
  ];
  # Deeper ones take no more time than three levels.
  passthru = leaving: package: values 6 leaving (shown package);

  # What a package makes of itself and one more, as by `withPackages (_: [ x ])`, and what that makes of itself and another.
  # What ends Nix is left out, and the next way is tried.
  functions =
    leaving: package:
    let
      of = shown package;
      ways = {
        "(x)" = number: _: [ (probe number) ];
        "()" = _: _: [ ];
        "[x]" = number: [ (probe number) ];
        "[]" = _: [ ];
      };
      left = name: filter (way: !(elem (name + way) leaving)) [ "(x)" "()" "[x]" "[]" ];
      isTried =
        name:
        let
          value = orElse null of.${name};
        in
        match "with[A-Z].*" name != null && isFunction value && functionArgs value == { };
      made =
        name: given:
        let
          value = attempt (of.${name} (given "1"));
          more = orElse null (value.${name} or null);
          again = if isFunction more then attempt (more (given "2")) else null;
        in
        if isPackage value then
          {
            derivation = parts.derivation value;
            meta = parts.meta value;
            twice = if isPackage again then parts.derivation again else null;
          }
        else
          { };
    in
    mapAttrs inValue (
      listToAttrs (
        concatLists (
          map (
            name:
            map (way: {
              name = name + way;
              value = made name ways.${way};
            }) (filter (way: way == head (left name)) (left name))
          ) (filter isTried (attrNames of))
        )
      )
    );

  parts = {
    derivation =
      package:
      {
        drv = path package;
        out = attempt (plain (package.outPath or null));
        outputs = listToAttrs (
          map (name: {
            inherit name;
            value = attempt (plain (package.${name}.outPath or null));
          }) (orElse [ ] (package.outputs or [ ]))
        );
        name = attempt (plain (package.name or null));
        version = attempt (plain (package.version or null));
      }
      # What a package that is not for this system leaves to compare.
      // (
        if path package == threw then
          { attributes = mapAttrs (_: input (text: text)) (orElse { } (package.drvAttrs or { })); }
        else
          { }
      );
    meta =
      package: members (mapAttrs (_: summary 4) (without [ "position" ] (orElse { } (package.meta or { }))));
    position = package: attempt (package.meta.position or null);
    inherit texts;
    kinds =
      package:
      let
        attributes = orElse { } (package.drvAttrs or { });
      in
      mapAttrs (_: kind) attributes // kindsOfSources attributes;
    passthru = passthru [ ];
    arguments = package: called (package.override or { });
  };

  # What goes wrong in a value, however deep, or takes too long, comes after the line that names where it was asked for.
  within = place: value: trace "${sign} ${place}" (deepSeq value value);

  bounded =
    value: if stringLength (toJSON value) > 4194304 then throw "what can be seen of it is too long" else value;

  # The arguments of its override are a part of their own.
  valuesOf =
    leaving: value:
    if length (attrNames value) > 48 then
      { }
    else
      values 0 (
        leaving
        ++ [
          "override"
          "overrideDerivation"
        ]
      ) value;
  ofSet = {
    names =
      value:
      if hashed != "" && attempt (value.recurseForDerivations or false) != true then
        [ ]
      else
        attrNames value;
    values = valuesOf [ ];
    arguments = value: called (value.override or { });
    recurse = value: attempt (value.recurseForDerivations or null);
  };

  # What is answered is said at once: an error that ends the evaluation takes nothing of it. Of passthru more ends than of the
  # rest.
  answer =
    { number, ... }@question:
    let
      say =
        parts: trace "${sign} answer ${toString number} ${toJSON (answered (question // parts))}" true;
    in
    trace "${sign} question ${toString number}" (
      if hashed == "" then say { } else say { parts = digested; } && say { parts = [ "passthru" ]; }
    );
  digested = [
    "arguments"
    "derivation"
    "kinds"
    "meta"
    "names"
    "position"
    "recurse"
  ];
  hash = value: hashString "sha256" (toJSON value);
  digest =
    name: value:
    if hashed == "" || name == "names" || name == "recurse" then
      value
    else if name != "derivation" then
      hash value
    else if value ? attributes then
      value // { attributes.attributes = hash value.attributes; }
    else
      value;

  answered =
    {
      path ? [ ],
      parts ? [ ],
      leaving ? [ ],
      given ? { },
      marked ? [ ],
      settings ? "",
      through ? [ ],
      modules ? "",
      ...
    }:
    let
      set = sets.${settings};
      throwing = _: _: listToAttrs (map (name: { inherit name; value = throw "unlet: a mark"; }) marked);
      value = attempt (at path (if marked == [ ] then set else set.extend throwing));
      choose = of: listToAttrs (
        map (name: {
          inherit name;
          value = within "part ${name}" (digest name (bounded (of.${name} value)));
        }) (
          filter (name: if parts == [ ] then !(elem name extra) else elem name parts) (attrNames of)
        )
      );
    in
    if modules != "" then
      {
        kind = "modules";
        modules = within "part modules" (bounded (ofModules (fromJSON modules)));
      }
    else if value == threw then
      { kind = "throws"; }
    else if isAttrs value && value."!" or null == "missing" then
      { kind = "missing"; }
    else if isPackage value then
      {
        kind = "derivation";
      }
      // choose (
        outer
        // {
          build = build through;
          fixed-output = package: fetches 2 "" package ++ shownFetches leaving package;
          follows = follows leaving given;
          functions = functions leaving;
          override = override leaving;
          passthru = passthru leaving;
        }
      )
    else if isFunction value || value ? __functor then
      {
        kind = "function";
        arguments = called value;
      }
    else if isAttrs value then
      { kind = "set"; } // choose (ofSet // { values = valuesOf leaving; })
    else
      {
        kind = typeOf value;
        value = summary 3 value;
      };
  outer = parts;

  # Parts that are asked for by name alone.
  extra = [ "build" ];

  asked = fromJSON questions;
in
{
  answers = length (filter answer asked);

  # Of other names `nix search` takes an error for its own, and one of the whole chunk ends it. It goes by the alphabet.
  chunk.legacyPackages.all = listToAttrs (
    map (question: {
      name = toString (100000 + question.number);
      value = seq (answer question) {
        type = "derivation";
        name = "done";
      };
    }) asked
  );
}
