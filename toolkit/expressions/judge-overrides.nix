# What the override functions of a package take, and what they give.
# Arguments: functions of judge.nix about a value.
# Result: `called`, the parameters of a function, and `override`, an object by the name of the override function.
{
  inValue,
  isPackage,
  kind,
  orElse,
  output,
  path,
  summary,
}:
let
  inherit (builtins)
    attrNames
    concatLists
    elem
    filter
    functionArgs
    getContext
    isAttrs
    isFunction
    isString
    listToAttrs
    map
    mapAttrs
    match
    replaceStrings
    toJSON
    ;

  overriders = package: filter (name: match "override.*" name != null) (attrNames package);
  mark.unletProbe = "1";
  isScript = name: match "(pre|post)[A-Z].*|.*Phase" name != null;
  line = "\n: unlet\n";

  # What a function that takes the old attributes gives: by `overrideAttrs` and those like it.
  through =
    package: name:
    let
      apply = package.${name};
      by = change: orElse null (apply change);
      source =
        value:
        let
          src = orElse null (value.src or null);
        in
        if isPackage src then path src else null;
      follows = change: source (by (_: change)) != source package;
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
      old = orElse null (held.unletOld or null);
      lost = if isAttrs plainly then filter (name: !(plainly ? ${name})) (attrNames package) else null;
      version =
        source package != null
        && follows {
          version = "0-unlet";
        };
      # What a name is for: another repository would be fetched.
      pname =
        let
          repository = value: orElse null (value.src.repo or null);
        in
        repository package != null && repository (by (_: { pname = "unlet"; })) != repository package;
    };

  built = package: {
    drv = path package;
    out = output package;
  };
  flags =
    leaving: package:
    let
      names = called package.override;
      switch = "(with|enable|use|build|no|is)[A-Z_].*|.*(Support|Only|Check|Tests)|static|minimal|headless";
      lists = "build(Inputs|Flags|Phase)";
    in
    listToAttrs (
      concatLists (
        map (
          name:
          if
            names.${name} && match switch name != null && match lists name == null && !(elem "${name}=" leaving)
          then
            map
              (value: {
                name = "${name} = ${toJSON value}";
                value = inValue "${name}=" (built (package.override { ${name} = value; }));
              })
              [
                true
                false
              ]
          else
            [ ]
        ) (attrNames names)
      )
    );

  # Which packages that `override` replaces arrive in what is built: each is one of another name there.
  reached =
    package:
    let
      names = called package.override;
      isProbed =
        value:
        let
          given = orElse null value;
        in
        isPackage given && given ? overrideAttrs;
      probed = package.override (
        old:
        mapAttrs (name: value: value.overrideAttrs (_: { name = "${name}-unlet"; })) (
          removeAttrs old (filter (name: !isProbed old.${name} || match "[a-zA-Z_0-9-]+" name == null) (attrNames old))
        )
      );
      text = orElse null (if probed ? drvAttrs then toJSON probed.drvAttrs else null);
      arrived = concatLists (
        map (
          input:
          let
            found = match "/nix/store/[0-9a-z]+-(.*)-unlet.*" input;
          in
          if found == null then [ ] else found
        ) (attrNames (getContext text))
      );
    in
    if names == { } || text == null then { } else mapAttrs (name: _: elem name arrived) names;

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
  inherit called override;
}
