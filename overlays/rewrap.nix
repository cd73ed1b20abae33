# Rootless docker that prefers a rootlesskit security wrapper, without compiling anything.
#
#   nixpkgs.overlays = [ (import ./rewrap.nix) ];
#
# nixpkgs' dockerd-rootless puts rootlesskit in front of PATH, where it hides a security wrapper of that name
# in /run/wrappers/bin. Here the finished docker is taken as it is, and only bin/dockerd-rootless is made anew: the
# same script with the same PATH, but for rootlesskit, which goes to its end. It has to stay there, since the
# daemon does not start without any, and dockerd before 28 needs rootlesskit-docker-proxy from that package.
#
# Any other rootlesskit on the caller's PATH is then preferred as well.
final: prev:
let
  inherit (prev) lib;

  entries = path: lib.filter (entry: entry != "") (lib.splitString ":" path);
  join = lib.concatStringsSep ":";

  # moby keeps its entries as a string; where there is no rootless docker, it is an empty list or missing.
  userPath = docker: docker.moby.extraUserPath or [ ];
  isRootless = docker: docker ? moby && lib.isString (userPath docker) && userPath docker != "";

  rewrap =
    docker:
    if docker ? rewrapped || !isRootless docker then
      docker
    else
      let
        inherit (docker) moby;
        user = lib.partition (lib.hasInfix "-rootlesskit-") (entries (userPath docker));
        prefix = [ "${moby}/libexec/docker" ] ++ entries moby.extraPath ++ user.wrong;
      in
      if user.right == [ ] then
        docker
      else
        final.symlinkJoin {
          inherit (docker) name;
          paths = [ docker ] ++ lib.optional (docker ? man) docker.man;
          nativeBuildInputs = [ final.makeWrapper ];
          postBuild = ''
            rm $out/bin/dockerd-rootless
            makeWrapper ${moby}/libexec/docker/dockerd-rootless.sh $out/bin/dockerd-rootless \
              --prefix PATH : ${lib.escapeShellArg (join prefix)} \
              --suffix PATH : ${lib.escapeShellArg (join user.right)}
          '';
          # Not all of it: its outputs are those of docker.
          meta = removeAttrs docker.meta [ "outputsToInstall" ];
        }
        # After the call, where nothing replaces it any more.
        // removeAttrs (docker.passthru or { }) [
          "override"
          "overrideAttrs"
          "overrideDerivation"
        ]
        // {
          inherit (docker) pname version;
          rewrapped = true;
          override = arguments: rewrap (docker.override arguments);
          overrideAttrs = change: rewrap (docker.overrideAttrs change);
        }
        // lib.getAttrs (lib.filter (name: docker ? ${name}) components) docker;

  components = [
    "moby"
    "docker-runc"
    "docker-containerd"
    "docker-tini"
    "docker-proxy"
    "moby-src"
  ];

  # By name alone: to look at a package here would evaluate all of them.
  names = lib.filter (name: builtins.match "docker(_[0-9]+)*" name != null) (lib.attrNames prev);
in
lib.genAttrs names (name: rewrap prev.${name})
