# A package set in the form of nixpkgs, with a package for each way in which an override may stop halfway.
{
  localSystem,
  overlays ? [ ],
  config ? { },
}:
let
  lib = import ../../lib;

  build =
    attributes:
    derivation (
      {
        inherit (localSystem) system;
        builder = "/bin/sh";
        stdenv = shell;
      }
      // attributes
    );
  shell = derivation {
    inherit (localSystem) system;
    name = "stdenv";
    builder = "/bin/sh";
  };

  mkDerivation =
    given:
    let
      function = if builtins.isFunction given then given else _: given;
      attributes = lib.fix function;
      passthru = attributes.passthru or { };
      drv = build (
        {
          name = "${attributes.pname}-${attributes.version}";
        }
        // removeAttrs attributes [
          "meta"
          "passthru"
        ]
      );
    in
    drv
    // passthru
    // {
      meta = attributes.meta or { };
      overrideAttrs =
        change:
        mkDerivation (
          final:
          let
            old = function final;
            given = if builtins.isFunction change then change else _: change;
            one = given final;
          in
          old // (if builtins.isFunction one then one old else given old)
        );
    };

  fetch =
    { name, hash, ... }@arguments:
    build {
      inherit name;
      outputHash = hash;
      outputHashAlgo = "sha256";
      outputHashMode = "recursive";
      ${if arguments ? from then "from" else null} = arguments.from;
    }
    // {
      override = new: fetch (arguments // new);
    };
  hash = digit: builtins.concatStringsSep "" (builtins.genList (_: digit) 64);

  pythonPackages = self: {
    recursion = self;
    base = mkDerivation {
      pname = "python-base";
      version = "1.0";
      src = fetch { name = "base"; hash = hash "4"; };
    };
    app = mkDerivation {
      pname = "python-app";
      version = "1.0";
      inherit (self) base;
      doCheck = false;
    };
  };
  python =
    extensions:
    lib.makeOverridable (
      {
        packageOverrides ? (_: _: { }),
      }:
      mkDerivation {
        pname = "python";
        version = "3.13";
        passthru.pkgs = lib.fix (lib.extends (lib.composeAll (extensions ++ [ packageOverrides ])) pythonPackages);
      }
    ) { };

  packages = self: {
    inherit
      config
      fetch
      hash
      lib
      mkDerivation
      ;
    pythonPackagesExtensions = [ ];
    python3 = self.python313;
    python313 = python self.pythonPackagesExtensions;
    python3Packages = self.python313.pkgs;

    tool = mkDerivation {
      pname = "tool";
      version = "2.0";
    };
    plain = lib.makeOverridable (
      {
        tool,
        withColour ? false,
      }:
      mkDerivation {
        pname = "plain";
        version = "1.0.0";
        src = fetch { name = "plain-1.0.0"; hash = hash "1"; };
        buildInputs = [ tool ];
        flags = if withColour then "--colour" else "";
        meta.description = "plain";
      }
    ) { inherit (self) tool; };
    # The part is bound in a let.
    engine =
      let
        part = mkDerivation {
          pname = "part";
          version = "29.6.0";
        };
      in
      mkDerivation {
        pname = "engine";
        version = "29.6.0";
        src = fetch { name = "engine-29.6.0"; hash = hash "2"; };
        postInstall = "ln -s ${part} $out";
        inherit part;
        passthru.shown = part;
      };
    # What is downloaded for the source follows it, with a hash of its own.
    vendored = mkDerivation (final: {
      pname = "vendored";
      version = "1.0.0";
      src = fetch { name = "vendored-1.0.0"; hash = hash "3"; };
      cargoDeps = build {
        name = "${final.pname}-${final.version}-vendor";
        staging = fetch {
          name = "${final.pname}-${final.version}-vendor-staging";
          hash = hash "a";
          from = final.src;
        };
      };
    });
    # The download stays.
    pinned =
      let
        src = fetch { name = "pinned-1.0.0"; hash = hash "5"; };
      in
      mkDerivation {
        pname = "pinned";
        version = "1.0.0";
        inherit src;
        npmDeps = fetch { name = "pinned-1.0.0-npm-deps"; hash = hash "b"; from = src; };
      };
    editor-unwrapped = mkDerivation {
      pname = "editor-unwrapped";
      version = "1.0.0";
      src = fetch { name = "editor-1.0.0"; hash = hash "6"; };
    };
    editor = mkDerivation {
      pname = "editor";
      version = "1.0.0";
      inherit (self) editor-unwrapped;
      buildCommand = "ln -s $editor_unwrapped $out";
    };
    broken = throw "broken has been removed";
  };
in
lib.fix (builtins.foldl' (f: overlay: lib.extends overlay f) packages overlays)
