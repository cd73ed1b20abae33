# A package set in the form of nixpkgs, with a package for each way in which an override may stop halfway.
{
  localSystem ? { system = builtins.currentSystem; },
  overlays ? [ ],
  config ? { },
}:
assert builtins.isAttrs config;
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
    initialPath = derivation {
      inherit (localSystem) system;
      name = "strip";
      builder = "/bin/sh";
      setupHook = builtins.toFile "strip.sh" "test $dontStripThings";
    };
  };
  inner = mkDerivation {
    pname = "inner";
    version = "1.0";
    buildCommand = "cp ${builtins.toFile "hook.sh" "test $dontUseHook"} $out";
  };

  mkDerivation =
    given:
    let
      function = if builtins.isFunction given then given else _: given;
      attributes = lib.fix function;
      passthru = attributes.passthru or { };
      isRefused = attributes.meta.insecure or false && !(config.allowInsecurePredicate or (_: false)) attributes;
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
      inherit passthru;
      meta = attributes.meta or { };
      ${if isRefused then "drvPath" else null} = throw "${attributes.pname} is insecure";
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
      ${if arguments ? url then "urls" else null} = arguments.url;
    }
    // {
      override = new: fetch (arguments // new);
    };
  isFake = hash: builtins.elem hash [ "" lib.fakeHash ];
  hash = digit: builtins.concatStringsSep "" (builtins.genList (_: digit) 64);

  pythonPackages = self: {
    recursion = self;
    inner.plain = mkDerivation {
      pname = "plain";
      version = "1.0.0";
      src = fetch { name = "plain-1.0.0"; hash = hash "1"; };
    };
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
        passthru.pkgs = lib.makeExtensible (lib.extends (lib.composeAll (extensions ++ [ packageOverrides ])) pythonPackages);
      }
    ) { };

  packages = self: {
    inherit overlays;
    appendOverlays = more: import ./all-packages.nix { inherit localSystem config; overlays = overlays ++ more; };
    extend = overlay: self.appendOverlays [ overlay ];
    mkShell = mkDerivation;
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
    haskell.packageOverrides = _: _: { };
    haskellPackages = lib.makeOverridable (
      {
        overrides ? (_: _: { }),
      }:
      lib.fix (lib.extends (lib.composeExtensions self.haskell.packageOverrides overrides) pythonPackages)
    ) { };
    python39Packages = self.python39.pkgs;
    python39 = python (self.pythonPackagesExtensions ++ [ (_: super: { base = super.base.overrideAttrs { release = "3.9"; }; }) ]);

    named = mkDerivation {
      pname = "named";
      version = "1.0";
      NIX_MAIN_PROGRAM = "named";
    };
    core = mkDerivation {
      pname = "core";
      version = "1.0";
      inherit (self) shell;
      passthru.bare = self.spare;
    };
    shell = mkDerivation {
      pname = "shell";
      version = "1.0";
      core = self.core.bare;
    };

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
    # It takes any argument.
    open = lib.makeOverridable (
      {
        withColour ? false,
        ...
      }:
      mkDerivation {
        pname = "open";
        version = "1.0";
        flags = if withColour then "--colour" else "";
      }
    ) { };
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
      cargoBuildFeatures = "";
      cargoDeps = build {
        name = "${final.pname}-${final.version}-vendor";
        staging = fetch {
          name = "${final.pname}-${final.version}-vendor-staging";
          hash = hash "a";
          from = final.src;
        };
      };
    });
    # It and a part that follows the source download for that by hashes of their own.
    served = mkDerivation (final: {
      pname = "served";
      version = "1.0.0";
      src = fetch { name = "served-1.0.0"; hash = hash "3"; };
      vendorHash = hash "b";
      goModules = mkDerivation {
        pname = "served";
        version = "${final.version}-go-modules";
        from = final.src;
        outputHash = final.vendorHash;
        outputHashAlgo = "sha256";
        outputHashMode = "recursive";
      };
      inherit (final.passthru) ui;
      passthru.ui = mkDerivation {
        pname = "served-ui";
        inherit (final) version src;
        npmDeps = mkDerivation {
          pname = "served-ui";
          version = "${final.version}-npm-deps";
          from = final.src;
          outputHash = hash "a";
          outputHashAlgo = "sha256";
          outputHashMode = "recursive";
        };
      };
    });
    # What is downloaded for the source does not follow it.
    crate = self.tagged "hash" "v1.0.0";
    bare = self.tagged "hash" "1.0.0";
    aged = self.tagged "sha256" "v1.0.0";
    titled = self.tagged "hash" "sha%3Dcrate-v1.0.0-final";
    tagged =
      digest: tag:
      let
        source =
          arguments:
          fetch {
            name = "crate-${builtins.replaceStrings [ "%" ] [ "." ] arguments.tag}";
            url = "https://example.org/${arguments.tag}.tar.gz";
            hash = hash (if isFake arguments.${digest} then "d" else "3");
          }
          // { override = new: source (arguments // new); };
      in
      mkDerivation {
        pname = "crate";
        version = "1.0.0";
        src = source { inherit tag; ${digest} = "3"; };
        cargoDeps = self.rustPlatform.fetchCargoVendor { src = source { inherit tag; ${digest} = "3"; }; name = "crate-vendor"; hash = "3"; };
      };
    rustPlatform.fetchCargoVendor =
      arguments:
      fetch {
        inherit (arguments) name;
        hash = hash (if isFake arguments.hash then "d" else "a");
        from = arguments.src;
      };
    # Two downloads: one follows the source and has a hash of its own, the other does not follow it.
    doubled = mkDerivation (final: {
      pname = "doubled";
      version = "1.0.0";
      inherit (self.crate) src;
      vendorHash = hash "b";
      goModules = mkDerivation {
        pname = "doubled";
        version = "${final.version}-go-modules";
        from = final.src;
        outputHash = final.vendorHash;
        outputHashAlgo = "sha256";
        outputHashMode = "recursive";
      };
      npmDeps = self.fetchNpmDeps { inherit (self.crate) src; hash = "3"; };
    });
    # It is built with a part of its own, as git is.
    looped = mkDerivation {
      pname = "looped";
      version = "1.0.0";
      inherit (self.crate) src;
      inputs = [ self.looped-minimal ];
    };
    looped-minimal = self.looped.overrideAttrs { inputs = [ ]; };
    apps.app = self.app;
    # A part is made of the old source, whatever the new one is.
    fronted =
      let
        front = mkDerivation {
          pname = "front";
          version = "1";
          inherit (self.crate) src;
        };
      in
      mkDerivation {
        pname = "fronted";
        version = "1.0.0";
        inherit (self.crate) src;
        buildPhase = "cp -r ${front} .";
      };
    # A part has another name, which is code.
    spelt = mkDerivation (final: {
      pname = "spelt";
      version = "1.0.0";
      inherit (self.crate) src;
      buildPhase = "cp -r $part .";
      part = final.passthru.ui;
      passthru."\${\"ui\"}" = final.passthru.ui;
      passthru.ui = mkDerivation {
        pname = "part";
        version = "1";
        offlineCache = mkDerivation {
          pname = "offline";
          version = "1";
          from = final.src;
          outputHash = hash "b";
          outputHashAlgo = "sha256";
          outputHashMode = "recursive";
        };
      };
    });
    # Their sources come from plain addresses, of which one has only a part of another version.
    archived = self.archive "1/1.5/1.5.0/archived-1.5.0.tar.gz";
    latest = self.archive "11.5.0/latest.tar.gz";
    archive =
      file:
      mkDerivation {
        pname = "archive";
        version = "1.5.0";
        src = removeAttrs (self.fetchurl { url = "mirror://example/${file}"; hash = "9"; }) [ "override" ];
      };
    fetchurl =
      arguments:
      fetch {
        name = baseNameOf arguments.url;
        hash = hash (if isFake arguments.hash then "d" else arguments.hash);
        inherit (arguments) url;
      };
    # A download, once of the final source, which a part in passthru has, too, and once of the old one.
    packed = self.pack (final: final.src);
    stacked = self.pack (_: self.crate.src);
    pack =
      source:
      mkDerivation (final: {
        pname = "pack";
        version = "1.0.0";
        inherit (self.crate) src;
        buildPhase = "cp -r $pnpmDeps .";
        pnpmDeps = mkDerivation {
          pname = "pack";
          version = "pnpm-deps";
          src = source final;
          outputHash = hash "b";
          outputHashAlgo = "sha256";
          outputHashMode = "recursive";
        };
        passthru.web = mkDerivation {
          pname = "web";
          inherit (final) version src pnpmDeps;
        };
      });
    fetchNpmDeps = arguments: self.rustPlatform.fetchCargoVendor (arguments // { name = "npm-deps"; });
    # A package of its own is made of the same source.
    kit = mkDerivation {
      pname = "kit";
      version = "1.0.0";
      src = fetch { name = "kit-1.0.0"; hash = hash "0"; };
    };
    assembly = mkDerivation {
      pname = "assembly";
      version = "1.0.0";
      src = fetch { name = "kit-1.0.0"; hash = hash "0"; };
      buildInputs = [ self.kit ];
    };
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
    editor = lib.makeOverridable (
      { editor-unwrapped }:
      mkDerivation {
        pname = "editor";
        inherit (editor-unwrapped) version;
        inherit editor-unwrapped;
        buildCommand = "ln -s $editor_unwrapped $out";
      }
    ) { inherit (self) editor-unwrapped; };
    # A directory of downloads whose name follows the version, and packages of a registry.
    farm = mkDerivation (final: {
      pname = "farm";
      version = "1.0.0";
      src = fetch { name = "farm-1.0.0"; hash = hash "d"; };
      deps = build {
        name = "farm-cache-${final.version}";
        content = fetch { name = "zig-a"; hash = hash "f"; };
      };
    });
    shop = mkDerivation {
      pname = "shop";
      version = "1.0.0";
      src = fetch { name = "shop-1.0.0"; hash = hash "d"; };
      buildInputs = [
        (build {
          name = "Newtonsoft.Json-13.0.3";
          src = fetch { name = "json"; hash = hash "f"; url = "https://www.nuget.org/api/v2/package/json"; };
        })
      ];
    };
    # A wrapper whose overrideAttrs is that of what it wraps.
    wrapped =
      let
        make =
          change:
          let
            inner = self.editor-unwrapped.overrideAttrs change;
          in
          mkDerivation {
            pname = "wrapped";
            inherit (inner) version;
            buildCommand = "ln -s ${inner} $out";
          }
          // {
            overrideAttrs = make;
          };
      in
      make { };
    # A file that is downloaded beside the source, by the version too, and a patch.
    server =
      let
        version = "1.5.0";
        units = fetch { name = "source"; hash = hash "8"; url = "https://example.org/units/v${version}.tar.gz"; };
        patch = fetch { name = "patch"; hash = hash "0"; url = "https://example.org/v${version}.patch"; };
      in
      mkDerivation {
        pname = "server";
        inherit version;
        src = fetch { name = "server-${version}"; hash = hash "9"; };
        patches = [ patch ];
        inherit units;
      };
    # Phases of its own, not all of which run what others put before and after them.
    script = mkDerivation {
      pname = "script";
      version = "1.0.0";
      src = fetch { name = "script-1.0.0"; hash = hash "7"; };
      dontUnpack = true;
      dontBuild = true;
      phases = "buildPhase installPhase";
      installPhase = "runHook preInstall; touch $out";
    };
    tools = {
      inherit (self) plain tool;
      override = _: self.tools;
    };
    # Many packages, and one that never evaluates.
    shelf =
      lib.genAttrs (map (n: "a${toString n}") (lib.range 100 139)) (
        name:
        mkDerivation {
          pname = name;
          version = "1.0.0";
          src = fetch { inherit name; hash = hash "e"; };
        }
      )
      // {
        inherit (self) tool;
        lost = { }.lost;
      };
    # A builder, as callPackage makes one: a set that can be called and overridden.
    buildTool = lib.makeOverridable (
      { compiler, flags }:
      {
        __functor = _: arguments: mkDerivation (arguments // { inherit compiler flags; });
      }
    ) { compiler = self.tool; flags = [ ]; };

    spare = mkDerivation {
      pname = "spare";
      version = "1.0";
    };
    # An argument is only one of two uses.
    double = lib.makeOverridable (
      { tool }:
      mkDerivation {
        pname = "double";
        version = "1.0";
        inherit tool;
        helper = self.tool;
      }
    ) { inherit (self) tool; };
    # A builder that turns an attribute into another one.
    app =
      let
        python = given: mkDerivation (removeAttrs given [ "doCheck" ] // { doCheck = false; doInstallCheck = given.doCheck; });
        make = given: python given // {
            overridePythonAttrs = change: make (given // (if builtins.isFunction change then change given else change));
          };
      in
      make {
        pname = "app";
        version = "1.0";
        doCheck = true;
        installCheckPhase = "runHook preCheck";
      };
    # A package of Python's, with a source.
    snake =
      let
        make = given: mkDerivation given // {
            overridePythonAttrs = change: make (given // (if builtins.isFunction change then change given else change));
          };
      in
      make {
        pname = "archive";
        version = "1.5.0";
        inherit (self.archived) src;
      };
    second = self.tool;
    # Its builder reads both variables, and makes neither of the other.
    plugin = mkDerivation {
      pname = "plugin";
      version = "1.0";
      dependencies = [ ];
      propagatedBuildInputs = [ ];
    };
    pythonic = mkDerivation {
      pname = "pythonic";
      version = "1.0";
      nativeBuildInputs = [ (mkDerivation { pname = "python-imports-check-hook"; version = "1.0"; }) ];
      propagatedBuildInputs = [ ];
    };
    # A setup hook, which reads a variable with a default.
    switch = mkDerivation {
      pname = "switch";
      version = "1.0";
      buildCommand = "cp ${builtins.toFile "switch.sh" "test \"\${dontSwitch-}\""} $out";
    };
    # It runs a setup hook that another one propagates, and one of stdenv's.
    hooked = mkDerivation {
      pname = "hooked";
      version = "1.0";
      nativeBuildInputs = [ (mkDerivation { pname = "outer"; version = "1.0"; propagatedBuildInputs = [ inner ]; }) ];
    };
    # It keeps the plain package in a variable that nothing reads.
    kept =
      let
        src = fetch { name = "kept-1.0.0"; hash = hash "b"; };
      in
      mkDerivation {
        pname = "kept-plugin";
        version = "1.0.0";
        inherit src;
        plainPackage = mkDerivation { pname = "kept"; version = "1.0.0"; inherit src; };
      };
    store_2 = self.tool.overrideAttrs { store = 2; };
    store = self.store_2;
    linux_6 = self.kernel;
    linuxPackages_latest =
      let
        packages = lib.makeExtensible (set: {
          kernel = mkDerivation {
            pname = "linux";
            version = "7.0.0";
            src = fetch { name = "linux-7.0.0"; hash = hash "7"; };
          };
        });
      in
      packages;
    linuxPackages_6 = self.linuxPackagesFor self.kernel;
    linuxPackagesFor = kernel: { inherit kernel; };
    # Its version holds the kernel's.
    kernel = mkDerivation {
      pname = "linux";
      version = "6.6.143";
    };
    module = lib.makeOverridable (
      { kernel }:
      mkDerivation {
        pname = "module";
        version = "${kernel.version}-0.1.0";
        src = fetch { name = "module-0.1.0"; hash = hash "a"; };
        buildInputs = [ kernel ];
      }
    ) { inherit (self) kernel; };
    # Its overrides are a set of members.
    letters = lib.makeOverridable (
      {
        overrides ? { },
      }:
      { alpha = self.tool; } // overrides
    ) { };
    # A set whose members need another of its siblings.
    families = {
      basic = self.tool;
      grown = lib.genAttrs (map (n: "a${toString n}") (lib.range 1000 1999)) (
        name:
        mkDerivation {
          pname = name;
          version = "1.0";
          inherit (self.families) basic;
        }
      );
    };
    risky = mkDerivation {
      pname = "risky";
      version = "1.0";
      meta.insecure = true;
    };
    house = lib.makeOverridable (
      {
        packageOverrides ? (_: _: { }),
      }:
      mkDerivation {
        pname = "house";
        version = "1.0";
        passthru.python3Packages = lib.fix (lib.extends packageOverrides pythonPackages);
      }
    ) { };
    failing = mkDerivation {
      pname = "failing";
      version = "1.0";
      src = throw "src is another package";
    };
    broken = throw "broken has been removed";
  };
in
lib.fix (builtins.foldl' (f: overlay: lib.extends overlay f) packages overlays)
