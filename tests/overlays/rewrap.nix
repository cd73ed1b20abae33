# What rewrap.nix makes of the specimen's dockers, of dockers that are none, and of sets without one.
let
  rewrap = import ../../overlays/rewrap.nix;
  set = overlays: import ./set.nix { inherit overlays; };
  plain = set [ ];
  once = set [ rewrap ];

  path = package: builtins.unsafeDiscardStringContext package.drvPath;
  # The overlay on a set with this docker and nothing else.
  on =
    docker:
    rewrap once {
      inherit (plain) lib;
      inherit docker;
    };
  changed = moby: plain.docker // { moby = plain.docker.moby // moby; };

  sameEverywhere =
    names: left: right:
    map (name: left.${name} == right.${name}) names;
in
{
  names = builtins.attrNames (rewrap once plain);
  dockers =
    builtins.mapAttrs
      (name: _: {
        plain = path plain.${name};
        once = path once.${name};
        twice =
          path
            (set [
              rewrap
              rewrap
            ]).${name};
        rewrapped = once.${name} ? rewrapped;
      })
      {
        docker = null;
        docker_25 = null;
        docker_29 = null;
        docker-client = null;
      };

  kept = {
    attributes = builtins.attrNames (removeAttrs plain.docker (builtins.attrNames once.docker));
    equal = plain.lib.genAttrs [
      "meta"
      "passthru"
      "tests"
      "outputs"
      "name"
      "pname"
      "version"
      "src"
    ] (name: plain.docker.${name} == (on plain.docker).docker.${name});
    components = plain.lib.genAttrs [
      "moby"
      "docker-runc"
      "docker-containerd"
      "docker-tini"
    ] (name: path plain.docker.${name} == path once.docker.${name});
    parameters =
      plain.lib.functionArgs plain.docker.override == plain.lib.functionArgs once.docker.override;
  };
  script = once.docker.drvAttrs.postBuild;

  override = {
    rewrapped = (once.docker.override { iptables = plain.xfsprogs; }) ? rewrapped;
    byFunction =
      (once.docker.override (old: {
        iptables = old.xfsprogs;
      })) ? rewrapped;
    moby =
      path (once.docker.override { iptables = plain.xfsprogs; }).moby
      == path (plain.docker.override { iptables = plain.xfsprogs; }).moby;
    attributes =
      (once.docker.overrideAttrs (_: {
        pname = "renamed";
      })).name;
    client = path (once.docker.override { clientOnly = true; }) == path plain.docker-client;
    again =
      ((once.docker.override { iptables = plain.xfsprogs; }).overrideAttrs (_: {
        pname = "renamed";
      })) ? rewrapped;
  };

  manual =
    (on (
      plain.docker.overrideAttrs (_: {
        outputs = [
          "out"
          "man"
        ];
      })
    )).docker.drvAttrs;

  foreign = builtins.mapAttrs (_: docker: (on docker).docker == docker) {
    none = null;
    text = "docker";
    podman = plain.log-viewer // {
      name = "podman-docker-compat-5.0";
    };
    withoutRootless = changed { extraUserPath = [ ]; };
    fixed = changed { extraUserPath = "/nix/store/x-slirp4netns-1/bin"; };
    otherWrapper = changed { installPhase = "makeWrapper"; };
  };
  client = (on plain.docker-client).docker == plain.docker-client;
  removed = (builtins.tryEval (on (throw "docker is no more")).docker).success;
  alias = (builtins.tryEval once.docker_24).success;
  absent = rewrap once { inherit (plain) lib; };
}
