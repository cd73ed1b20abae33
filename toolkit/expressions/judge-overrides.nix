# What the override functions of a package take, and what they give.
# Arguments: functions of judge.nix about a value, `probe`, a package to take the place of one, and `arrives`, which says on
# stderr that an argument is used. `paired` is whether pairs of switches are tried.
# Result: `called`, the parameters of a function; `override`, an object by the name of the override function; `follows`, which
# attributes of the derivation are others if one is overridden.
{
  arrives,
  inValue,
  isPackage,
  kind,
  orElse,
  output,
  paired,
  path,
  plain,
  probe,
  summary,
}:
let
  inherit (builtins)
    any
    attrNames
    concatLists
    elem
    filter
    functionArgs
    genList
    getContext
    head
    isAttrs
    isBool
    isFunction
    isString
    length
    listToAttrs
    map
    mapAttrs
    match
    replaceStrings
    seq
    tail
    toJSON
    ;

  overriders = package: filter (name: match "override.*" name != null) (attrNames package);
  mark.unletProbe = "1";
  # Six switches have 15 pairs, and up to 60 values.
  mostPaired = 6;
  isScript = name: match "(pre|post)[A-Z].*|.*Phase" name != null;
  line = "\n: unlet\n";

  # What a function that takes the old attributes gives: by `overrideAttrs` and those like it.
  through =
    package: name:
    let
      apply = package.${name};
      by = change: orElse null (apply change);
      held = by (old: {
        passthru = orElse { } (old.passthru or { }) // {
          unletOld = mapAttrs (_: kind) old;
        };
      });
      plainly = by (_: { });
      scripts = filter isScript (attrNames (orElse { } (package.drvAttrs or { })));
      extended = by (
        old:
        listToAttrs (
          map (name: {
            inherit name;
            value = (if isString (old.${name} or null) then old.${name} else "") + line;
          }) scripts
        )
      );
    in
    {
      # Which scripts arrive in what is built, if something is added to them.
      scripts = listToAttrs (
        map (name: {
          inherit name;
          value = orElse false (
            let
              script = extended.drvAttrs.${name} or "";
            in
            isString script && replaceStrings [ line ] [ "" ] script != script
          );
        }) scripts
      );
      plain = output plainly;
      probe = output (by (_: mark));
      check = output (by (_: {
        doCheck = false;
      }));
      checked = output (by (_: {
        doCheck = true;
      }));
      old = orElse null (held.unletOld or null);
      lost = if isAttrs plainly then filter (name: !(plainly ? ${name})) (attrNames package) else null;
    };

  # A version with as many parts, which are others.
  digits = map toString (genList (n: n) 10);
  another = replaceStrings digits (tail digits ++ [ (head digits) ]);
  replaceable =
    given:
    let
      value = orElse null given;
    in
    isPackage value && value ? overrideAttrs;
  replaced = name: value: value // value.overrideAttrs (_: { name = "${name}-unlet"; });
  # A source of another version has the same path if its hash is the same.
  seen =
    value:
    orElse null (
      let
        text = toJSON value;
      in
      seq text [
        (plain text)
        (attrNames (getContext text))
      ]
    );
  fromNames =
    names: value:
    listToAttrs (
      map (name: {
        inherit name;
        value = value name;
      }) names
    );
  prefixed =
    prefix: values:
    listToAttrs (
      map (name: {
        name = "${prefix}.${name}=";
        value = values.${name};
      }) (attrNames values)
    );

  # What differs of a package if something is overridden: attributes of the derivation, tests, `out` for all of it;
  # of a version, that of parts, too. Of `passthru`, what the derivation is made with. `given` are names by what the text of
  # the file does with them.
  follows =
    leaving: given: package:
    let
      attributes = orElse { } (package.drvAttrs or { });
      by = change: orElse { } (package.overrideAttrs change);
      others =
        name: made:
        filter (
          each: each != name && made.drvAttrs ? ${each} && seen made.drvAttrs.${each} != seen attributes.${each}
        ) (if made ? drvAttrs then attrNames attributes else [ ]);
      set = name: value: others name (by (_: { ${name} = value; }));
      # What is thrown shows who reads it, whatever it is.
      throwing =
        names:
        path (
          by (old: {
            passthru = orElse { } (old.passthru or { }) // fromNames names (_: throw "unlet: a mark");
          })
        );
      held = attrNames (orElse { } (package.passthru or { })) ++ given.passthru or [ ];
      repository = value: orElse null (value.src.repo or null);
      testsOf = value: orElse { } (value.tests or { });
      tests = testsOf package;
      marked = testsOf (by (_: mark));
      words = filter (word: isString word && word != "") [
        (orElse null (package.meta.mainProgram or null))
        (orElse null (package.pname or null))
        (output package)
      ];
      scriptOf =
        test:
        toJSON (
          map (name: orElse "" (plain (test.drvAttrs.${name} or ""))) [
            "buildCommand"
            "buildPhase"
            "checkPhase"
            "installPhase"
            "testScript"
          ]
        );
      isNamed =
        name: word:
        let
          script = orElse "" (scriptOf tests.${name});
        in
        replaceStrings [ word ] [ "" ] script != script;
      ofAttributes =
        fromNames (filter (name: replaceable attributes.${name}) (attrNames attributes)) (
          name: set name (replaced name attributes.${name})
        )
        // fromNames (given.final or [ ]) (
          name:
          let
            value = orElse null (attributes.${name} or null);
          in
          set name (if isBool value then !value else "unlet")
        )
        // {
          patches = others "patches" (
            by (old: {
              patches = orElse [ ] (old.patches or [ ]) ++ [ probe ];
            })
          );
          # What a name is for: another repository would be fetched.
          pname =
            let
              other = repository (by (_: { pname = "unlet"; }));
            in
            if repository package != null && other != repository package then [ "src" ] else [ ];
          version =
            let
              value = orElse null (package.version or null);
              made = by (_: {
                version = another value;
              });
              versionOf = package: name: orElse null (package.${name}.version or null);
              isNew = name: isString (versionOf made name) && versionOf made name != versionOf package name;
            in
            if isString value then
              # A part that takes the source, too, is another one in any case.
              others "version" made ++ map (name: "${name}.version") (filter isNew (attrNames attributes ++ held))
            else
              [ ];
          passthru =
            if !isString (path package) || isString (throwing held) then
              [ ]
            else
              filter (name: !isString (throwing [ name ])) held;
          # Tests whose script names the package.
          tested = filter (name: isString (path tests.${name}) && any (isNamed name) words) (
            if isAttrs tests then filter (name: isPackage (orElse null tests.${name})) (attrNames tests) else [ ]
          );
          tests = filter (
            name: replaceable tests.${name} && marked ? ${name} && path tests.${name} != path marked.${name}
          ) (if isAttrs tests && isAttrs marked then attrNames tests else [ ]);
        };
      arguments = called (package.override or { });
      argument =
        kind: value:
        fromNames (filter (name: arguments.${name} or false) given.${kind} or [ ]) (
          name: if output (package.override { ${name} = value; }) != output package then [ "out" ] else [ ]
        );
      probes =
        (if package ? overrideAttrs then prefixed "overrideAttrs" ofAttributes else { })
        // prefixed "override" (
          argument "functions" (_: [ probe ])
          // argument "lists" [ probe ]
          // argument "nulls" probe
          // argument "numbers" 4242
          // argument "texts" "unlet"
        );
    in
    mapAttrs inValue (removeAttrs probes leaving);

  built = package: {
    drv = path package;
    out = output package;
  };
  # What each switch gives on and off, all of them together, and the pairs of a few: of each switch the value that has an
  # effect, and both if none has.
  flags =
    leaving: package:
    let
      names = called package.override;
      switch = "(with|enable|use|build|no|is)[A-Z_].*|.*(Support|Only|Check|Tests)|static|minimal|headless";
      lists = "build(Inputs|Flags|Phase)";
      switches = filter (name: names.${name} && match switch name != null && match lists name == null) (
        attrNames names
      );
      made = label: key: arguments: {
        name = label;
        value = inValue "${key}=" (built (package.override arguments));
      };
      left = filter (name: !(elem "${name}=" leaving)) switches;
      values = [
        true
        false
      ];
      label = name: value: "${name} = ${toJSON value}";
      each = name: map (value: made (label name value) name { ${name} = value; }) values;
      single = listToAttrs (concatLists (map each left));
      telling =
        name:
        let
          others = filter (value: single.${label name value}.out != output package) values;
        in
        if others == [ ] then values else others;
      pair =
        one: other:
        concatLists (
          map (
            value:
            map (
              second:
              made "${label one value}, ${label other second}" "pairs" {
                ${one} = value;
                ${other} = second;
              }
            ) (filter (second: length switches > 2 || second != value) (telling other))
          ) (telling one)
        );
      pairs =
        names:
        if names == [ ] then
          [ ]
        else
          concatLists (map (pair (head names)) (tail names)) ++ pairs (tail names);
      together = [
        (made "all switches on" "switches" (fromNames switches (_: true)))
        (made "all switches off" "switches" (fromNames switches (_: false)))
      ];
    in
    single
    // listToAttrs (
      (if length switches < 2 || elem "switches=" leaving then [ ] else together)
      ++ (if !paired || length switches > mostPaired || elem "pairs=" leaving then [ ] else pairs left)
    );

  # Which packages that `override` replaces arrive in what is built, all of them at once: `arrives` says it of one as soon as
  # a derivation needs its name.
  reached =
    package:
    let
      names = called package.override;
      isProbed =
        value:
        let
          given = orElse null value;
        in
        isPackage given && (given ? overrideAttrs || (given ? mkDerivation && given ? override));
      rename =
        argument: value:
        let
          name = arrives argument "${replaceStrings [ "'" ] [ "-" ] argument}-unlet";
        in
        if value ? overrideAttrs then value.overrideAttrs (_: { inherit name; }) else value.override { inherit name; };
      probed = package.override (
        old: mapAttrs rename (removeAttrs old (filter (name: !(isProbed old.${name})) (attrNames old)))
      );
      # What is not for this system shows what it is made with.
      evaluates = isString (output probed) || orElse null (if probed ? drvAttrs then toJSON probed.drvAttrs else null) != null;
    in
    if names == { } || !evaluates then { } else mapAttrs (_: _: false) names;

  called = value: orElse { } (if isFunction value then functionArgs value else value.__functionArgs or { });

  override =
    leaving: package:
    listToAttrs (
      map (name: {
        inherit name;
        value =
          if name == "override" then
            {
              plain = output (package.override { });
              flags = flags leaving package;
              reached = if elem "reached=" leaving then { } else inValue "reached=" (reached package);
            }
          else if
            elem name [
              "overrideAttrs"
              "overridePythonAttrs"
            ]
          then
            through package name
          else if name == "overrideDerivation" then
            { probe = if package ? drvAttrs then output (package.overrideDerivation (_: mark)) else null; }
          else
            summary 1 package.${name};
      }) (overriders package)
    );
in
{
  inherit called follows override;
}
