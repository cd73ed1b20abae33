# The part of nixpkgs' lib that packages use.
let
  lib =
    import ./values.nix
    // customisation
    // fixedPoints
    // import ./modules.nix { inherit lib; }
    // {
      inherit customisation fixedPoints licenses;
      # There is nothing else in the list.
      mkAfter = values: values;
      strings = lib;
      lists = lib;
      attrsets = lib;
      trivial = lib;
      sources = lib;
      platforms = import ./platforms.nix;
      systems = import ./systems.nix;
      meta = lib // {
        availableOn =
          platform: package:
          builtins.elem platform.system (package.meta.platforms or lib.platforms.all)
          && !builtins.elem platform.system (package.meta.badPlatforms or [ ]);
        platformMatch = platform: pattern: platform.system == pattern;
        cpeFullVersionWithVendor = vendor: version: { inherit vendor version; };
      };
      # Those that a file of another nixpkgs names are among its words.
      maintainers = lib.genAttrs ([ "teutat3s" ] ++ words.names) (_: {
        github = "nobody";
      });
      teams = { };
      sourceTypes = { };
    };

  words = builtins.fromJSON (builtins.readFile ../pkgs/top-level/stand-ins.json);

  customisation = import ./customisation.nix;

  fixedPoints = {
    fix =
      f:
      let
        final = f final;
      in
      final;
    extends =
      overlay: f: final:
      let
        previous = f final;
      in
      previous // overlay final previous;
    composeExtensions =
      first: second: final: previous:
      let
        changed = first final previous;
      in
      changed // second final (previous // changed);
    composeManyExtensions = builtins.foldl' fixedPoints.composeExtensions (_: _: { });
    makeExtensible =
      f: fixedPoints.fix f // { extend = overlay: fixedPoints.makeExtensible (fixedPoints.extends overlay f); };
  };

  licenses = {
    asl20.free = true;
    unfree.free = false;
  };
in
lib
