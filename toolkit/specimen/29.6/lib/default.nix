# The part of nixpkgs' lib that the specimen uses.
let
  lib =
    import ./values.nix
    // customisation
    // {
      inherit customisation fixedPoints licenses;
      inherit (fixedPoints) extends fix;
      # There is nothing else in the list.
      mkAfter = values: values;
      strings = lib;
      lists = lib;
      attrsets = lib;
      platforms = import ./platforms.nix;
      systems = import ./systems.nix;
      meta = {
        availableOn =
          platform: package: builtins.elem platform.system (package.meta.platforms or lib.platforms.all);
        cpeFullVersionWithVendor = vendor: version: { inherit vendor version; };
      };
      maintainers.teutat3s.github = "nobody";
    };

  customisation = import ./customisation.nix;

  fixedPoints = {
    fix = f: f (fixedPoints.fix f);
    extends =
      overlay: f: final:
      f final // overlay final (f final);
  };

  licenses = {
    asl20.free = true;
    unfree.free = false;
  };
in
lib
