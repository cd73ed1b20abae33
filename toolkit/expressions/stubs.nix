# The stub packages of one {build, host} pair of systems.
# Arguments: `lib`; `build` and `host`, system names; `names`, the packages that the set has (those
# that no package can do without, such as stdenv, are always there); `shell` and `program`, what a
# derivation is built with (see derivation.nix); `real`, package names → lines `name path`, the
# programs of this machine that the package has.
# Result: { packages, plain, built }: the set, and what makes one more stub that is never built
# (`plain name attributes`) or that has programs in it (`built name`).
{
  lib,
  build,
  host,
  names,
  real ? { },
  shell ? "/bin/sh",
  program ? _: {
    builder = shell;
    args = [ ];
  },
}:
let
  inherit (import ./overriding.nix) toFunction;

  buildPlatform = lib.systems.elaborate build;
  # The same value, not an equal one: platforms hold functions, and those equal only themselves.
  hostPlatform = if build == host then buildPlatform else lib.systems.elaborate host;

  mkDerivation = import ./derivation.nix {
    inherit lib program;
    system = build;
    native = build == host;
  };

  # A file in the store that is never built; what it is called and holds tells it from all others.
  file =
    name: attributes:
    builtins.toFile name (
      builtins.unsafeDiscardStringContext (builtins.toJSON { inherit build host attributes; })
    );

  recipe =
    name: attributes:
    {
      pname = name;
      version = "0";
      src = file "source" { inherit name; };
      # Outlives an override of the source, so that another package under the same name is told apart.
      standsFor = file name attributes;
      buildInputs = [ ];
      nativeBuildInputs = [ ];
      patches = [ ];
      postPatch = "";
      meta = meta name;
    }
    // lib.optionalAttrs (real ? ${name}) { realPrograms = real.${name}; };

  linuxOnly = [
    "btrfs-progs"
    "iptables"
    "libseccomp"
    "lvm2"
    "nftables"
    "rootlesskit"
    "slirp4netns"
    "systemd"
  ];

  meta =
    name:
    {
      mainProgram = name;
    }
    // lib.optionalAttrs (builtins.elem name linuxOnly) { platforms = lib.platforms.linux; };

  # Neither evaluation nor a build has to build these, and there are some forty of them.
  plain =
    name:
    lib.makeOverridable (attributes: {
      type = "derivation";
      name = "${name}-0";
      pname = name;
      version = "0";
      outPath = file "${name}-0" attributes;
      standsFor = file name attributes;
      meta = meta name;
      inherit (mkDerivation (recipe name attributes)) overrideAttrs;
    });

  built = name: lib.makeOverridable (attributes: mkDerivation (recipe name attributes)) { };

  # nixpkgs' builders can be overridden themselves, to choose the compiler; their outPath tells them
  # apart where they are an argument of a package.
  goBuilder =
    { go }@arguments:
    {
      outPath = file "go-builder" { inherit go; };
      override = change: goBuilder (arguments // toFunction change arguments);
      __functor =
        _: attrs:
        mkDerivation (
          final:
          let
            given = toFunction attrs final;
          in
          removeAttrs given [ "overrideModAttrs" ]
          // {
            nativeBuildInputs = [ go ] ++ given.nativeBuildInputs or [ ];
          }
        );
    };

  fetched = name: arguments: {
    type = "derivation";
    inherit name;
    outPath = file name arguments;
  };

  # With rev and tag both given or both missing, the real fetcher throws as well.
  fetchFromGitHub = lib.makeOverridable (
    { owner, repo, ... }@arguments:
    if arguments ? rev == arguments ? tag then
      throw "fetchFromGitHub: ${owner}/${repo} needs either rev or tag"
    else
      fetched (arguments.name or "source") arguments
      // {
        inherit owner repo;
        tag = arguments.tag or null;
        rev = arguments.rev or "refs/tags/${arguments.tag}";
      }
  );

  fetchurl = arguments: fetched (arguments.name or (baseNameOf arguments.url)) arguments;

  glibc = plain "glibc" { } // {
    dev = plain "glibc-dev" { };
    static = plain "glibc-static" { };
  };

  essential = {
    inherit
      fetchFromGitHub
      fetchurl
      glibc
      lib
      stdenv
      ;
    fetchpatch = fetchurl;
    fetchpatch2 = fetchurl;
    buildGoModule = goBuilder { go = plain "go" { }; };
    buildGoPackage = goBuilder { go = plain "go" { }; };
    symlinkJoin = mkDerivation;
    nixosTests = lib.genAttrs [
      "docker"
      "docker-rootless"
      "docker-tools"
    ] (test: plain "test-${test}" { });
  };

  stdenv = {
    inherit
      buildPlatform
      glibc
      hostPlatform
      mkDerivation
      shell
      ;
    inherit (hostPlatform)
      isAarch64
      isDarwin
      isLinux
      isx86_64
      system
      ;
    outPath = file "stdenv" { };
    targetPlatform = hostPlatform;
    cc = plain "cc-wrapper" { } // {
      cc = plain "cc" { };
      isGNU = hostPlatform.isLinux;
      isClang = hostPlatform.isDarwin;
      targetPrefix = lib.optionalString (build != host) "${hostPlatform.config}-";
    };
  };

  # The packages that docker files take apart with overrideAttrs, and whose programs they link.
  isComponent = name: builtins.match "(containerd|docker-proxy|runc|tini)(_.*)?" name != null;
  isGoBuilder = name: builtins.match "buildGo[0-9_]*(Module|Package)" name != null;

  stub =
    name:
    if isGoBuilder name then
      goBuilder { go = plain "go-for-${name}" { }; }
    else if isComponent name || real ? ${name} then
      built name
    else
      plain name { };
in
{
  inherit built plain;
  packages = lib.genAttrs names stub // essential;
}
