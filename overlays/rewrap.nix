# Rootless docker that prefers a rootlesskit security wrapper, without compiling anything.
#
#   nixpkgs.overlays = [ (import ./rewrap.nix) ];
#
# nixpkgs' dockerd-rootless puts rootlesskit in front of PATH, where it hides a security wrapper of that name
# in /run/wrappers/bin. Here the finished docker is taken as it is, and only bin/dockerd-rootless is made anew: the
# same script with the same PATH, but for rootlesskit, which goes to its end. It has to stay there, since the
# daemon does not start without any, and dockerd before 28 needs rootlesskit-docker-proxy from that package.
#
# What it costs: any rootlesskit on the caller's PATH is preferred, not only a security wrapper; and what nixpkgs
# builds with the whole docker in it (not with docker-client) is built again, since that docker differs.
#
# A docker for which this is impossible stays as it is, and a warning explains why.
final: prev:
let
  inherit (prev) lib;

  # How all nixpkgs from docker 20.10.17 on make dockerd-rootless, with moby's attributes extraPath and extraUserPath.
  knownPrefix = ''--prefix PATH : "$out/libexec/docker:$extraPath:$extraUserPath"'';

  isRootlesskit = entry: builtins.match ".*/[^/]*rootlesskit[^/]*/bin" entry != null;

  # The empty string at the front has the context of `path`, which a split one has not.
  entries =
    path:
    map (entry: builtins.substring 0 0 path + entry) (
      builtins.filter (entry: builtins.isString entry && entry != "") (builtins.split ":" path)
    );

  # docker-client and docker for macOS are made by the same function, and have no daemon.
  isClient = docker: !(docker ? moby) && lib.functionArgs (docker.override or (_: null)) ? clientOnly;

  # Why a docker stays as it is, or null.
  obstacle =
    docker:
    if !(lib.isDerivation docker) then
      "it is not a package"
    else if !(builtins.isString (docker.moby.extraUserPath or null)) then
      "'${docker.name}' has no dockerd-rootless as nixpkgs makes it"
    else if !(builtins.any isRootlesskit (entries docker.moby.extraUserPath)) then
      "its dockerd-rootless does not prefer its own rootlesskit: this overlay is no longer needed"
    else if !(lib.hasInfix knownPrefix docker.moby.installPhase) then
      "its dockerd-rootless is made in an unknown way"
    else
      null;

  wrapper =
    docker:
    let
      inherit (docker) moby;
      outputs = docker.outputs or [ "out" ];
      user = builtins.partition isRootlesskit (entries moby.extraUserPath);
      prefix = [ "${moby}/libexec/docker" ] ++ entries moby.extraPath ++ user.wrong;
      path = list: lib.escapeShellArg (builtins.concatStringsSep ":" list);
    in
    final.callPackage (
      { symlinkJoin, makeWrapper }:
      symlinkJoin {
        inherit (docker) name;
        inherit outputs;
        paths = [ docker.out ];
        nativeBuildInputs = [ makeWrapper ];
        postBuild = ''
          rm $out/bin/dockerd-rootless
          makeWrapper ${moby}/libexec/docker/dockerd-rootless.sh $out/bin/dockerd-rootless \
            --prefix PATH : ${path prefix} \
            --suffix PATH : ${path user.right}
        ''
        + builtins.concatStringsSep "" (
          map (output: "ln -s ${docker.${output}} \$${output}\n") (
            builtins.filter (output: output != "out") outputs
          )
        );
      }
    ) { };

  # All that docker has, but for what makes it this derivation.
  replace =
    name: docker:
    let
      wrapped = wrapper docker;
      ofDerivation = lib.genAttrs (
        [
          "all"
          "drvAttrs"
          "drvPath"
          "outPath"
        ]
        ++ docker.outputs or [ "out" ]
      ) (_: null);
      changing = lib.genAttrs [ "override" "overrideAttrs" "overrideDerivation" ] (_: null);
      again =
        change: lib.setFunctionArgs (argument: rewrap name (change argument)) (lib.functionArgs change);
    in
    docker
    // builtins.intersectAttrs ofDerivation wrapped
    // builtins.mapAttrs (_: again) (builtins.intersectAttrs changing docker)
    // {
      rewrapped = true;
    };

  rewrap =
    name: docker:
    let
      problem = obstacle docker;
    in
    if lib.isDerivation docker && (docker ? rewrapped || isClient docker) then
      docker
    else if problem != null then
      lib.warn "rewrap.nix: ${name} stays as it is: ${problem}" docker
    else
      replace name docker;

  # By name alone: to look at a package here would evaluate all of them.
  names = builtins.filter (name: builtins.match "docker(_[0-9].*)?" name != null) (
    builtins.attrNames prev
  );
in
if names == [ ] then
  lib.warn "rewrap.nix: this nixpkgs has no docker" { }
else
  lib.genAttrs names (name: rewrap name prev.${name})
