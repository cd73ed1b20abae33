# The stub packages of one {build, host} pair of systems.
# Arguments: `lib`; `build` and `host`, system names; `names`, whatever a file might take for a package; `finals`,
# whether Go's builders take a function of finalAttrs; `shell` and `program`, what a derivation is built with (see
# derivation.nix).
# Result: { packages, scope, plain, built }: a function from the whole set to the packages that none can do without; one
# from further packages to the callPackage of a set with these, which makes stubs of `names` for the arguments that a
# function needs and the set lacks; what makes one more stub that is never built (`plain name attributes`) or that has
# programs in it (`built name`).
{
  lib,
  build,
  host,
  names,
  finals,
  shell ? "/bin/sh",
  program ? _: {
    builder = shell;
    args = [ ];
  },
}:
let
  inherit (builtins)
    concatStringsSep
    elem
    filter
    isAttrs
    isFunction
    isList
    isString
    mapAttrs
    match
    toFile
    toJSON
    unsafeDiscardStringContext
    ;
  inherit (import ./overriding.nix) toFunction;
  additions = import ./additions.nix;
  strict = import ./strict.nix { inherit lib; };

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
    toFile name (unsafeDiscardStringContext (toJSON (described 6 { inherit build host attributes; })));

  # A value without the functions in it, which have no text.
  described =
    depth: value:
    if isString value then
      value
    else if isFunction value || depth == 0 then
      "…"
    else if isList value then
      map (described (depth - 1)) value
    else if isAttrs value then
      if value ? outPath then "${value}" else mapAttrs (_: described (depth - 1)) value
    else
      value;

  recipe =
    name: attributes:
    additions
    // {
      pname = name;
      version = "0";
      src = file "source" { inherit name; };
      # Outlives an override of the source, so that another package under the same name is told apart.
      standsFor = file name attributes;
      meta = meta name;
    };

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
    // lib.optionalAttrs (elem name linuxOnly) { platforms = lib.platforms.linux; };

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

  # A package, or a function that makes one of whatever it is given: only the call tells which.
  callable =
    name: package:
    package
    // {
      __functor = _: argument: called name [ argument ];
    };
  called =
    name: arguments:
    lib.makeOverridable (
      changes:
      mkDerivation (
        recipe name changes
        // {
          # With their context, as what is really made has it.
          arguments = toJSON (described 6 arguments);
        }
      )
    ) { }
    // {
      __functor = _: argument: called name (arguments ++ [ argument ]);
    };

  # nixpkgs' builders can be overridden themselves, to choose the compiler; their outPath tells them
  # apart where they are an argument of a package.
  goBuilder =
    { go }@arguments:
    {
      outPath = file "go-builder" { inherit go; };
      override = change: goBuilder (arguments // toFunction change arguments);
      __functor =
        _: attrs:
        if isFunction attrs && !finals then
          throw "this nixpkgs' Go builder takes no function of finalAttrs"
        else
          mkDerivation (
            final:
            let
              given = toFunction attrs final;
            in
            removeAttrs given [ "overrideModAttrs" ]
            // {
              nativeBuildInputs = [ go ] ++ given.nativeBuildInputs or [ ];
              # The real ones always have one, with what fetches the modules.
              passthru = given.passthru or { };
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

  # As fetchurl has it; what unpacks gives a directory that has no name of its own.
  fetcher = lib.makeOverridable (
    arguments:
    arguments // fetched (arguments.name or (baseNameOf (arguments.url or arguments.path or "source"))) arguments
  );

  glibc = plain "glibc" { } // {
    dev = plain "glibc-dev" { };
    static = plain "glibc-static" { };
  };

  essential = {
    inherit
      fetchFromGitHub
      glibc
      lib
      stdenv
      ;
    symlinkJoin = mkDerivation;
    config = {
      allowAliases = false;
      allowUnfree = true;
    };
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
  isComponent = name: match "(containerd|docker-proxy|runc|tini)(_.*)?" name != null;
  isGoBuilder = name: match "buildGo[0-9_]*(Module|Package)" name != null;

  stub =
    name:
    if essential ? ${name} then
      essential.${name}
    else if isGoBuilder name then
      goBuilder { go = plain (if match "buildGo(Module|Package)" name != null then "go" else "go-for-${name}") { }; }
    else if match "fetch.+" name != null then
      fetcher
    else if match ".*[sS]tdenv(NoCC)?" name != null then
      stdenv
    else if isComponent name then
      built name
    else
      callable name (plain name { });
  pool = lib.genAttrs names stub;

  callPackageWith =
    set: package:
    let
      function = strict package;
      parameters = lib.functionArgs function;
      # One with a default is left alone: callPackage would fill it.
      needed = filter (name: !parameters.${name}) (lib.attrNames parameters);
    in
    lib.callPackageWith (builtins.intersectAttrs (lib.genAttrs needed (_: null)) pool // set) function;

  packages =
    set:
    let
      all = pool // set;
    in
    essential
    // {
      callPackage = callPackageWith set;
      newScope = extra: callPackageWith (set // extra);
      pkgs = all;
      buildPackages = all;
      targetPackages = all;
    };

  scope =
    extra:
    let
      set = packages set // extra;
    in
    callPackageWith set;
in
{
  inherit
    built
    packages
    plain
    scope
    ;
}
