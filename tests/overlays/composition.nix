# rewrap.nix and own-moby.nix together with what else people do to docker.
# Arguments: `patched`, the absolute path of a whole tree after the series.
{ patched }:
let
  rewrap = import ../../overlays/rewrap.nix;
  ownMoby = import ../../overlays/own-moby.nix;
  set = overlays: import ./set.nix { inherit overlays; };
  after =
    overlays:
    import ./set.nix {
      inherit overlays;
      tree = /. + patched;
    };
  plain = set [ ];

  path = package: builtins.unsafeDiscardStringContext package.drvPath;
  same = left: right: path left == path right;

  newTables = _: prev: { docker_29 = prev.docker_29.override { iptables = prev.xfsprogs; }; };
  renamed = _: prev: {
    docker = prev.docker.overrideAttrs (_: {
      pname = "renamed";
    });
  };
  newRunc = _: prev: {
    runc = prev.runc.overrideAttrs (_: {
      programs = "runc another";
    });
  };
  topLevelMoby = _: prev: { moby = prev.docker.moby; };
  oldDocker = final: _: { docker = final.docker_25; };
  podman = final: _: { docker = final.log-viewer; };

  flake = (import ../../flake.nix).outputs {
    self = throw "the overlay looks at the flake itself";
    nixpkgs = throw "the overlay looks at the flake's nixpkgs";
  };

  mark = old: { pname = "${old.pname}-of-my-own"; };
  mine = after [ (ownMoby mark) ];

  # As if moby were an attribute that docker refers to by its final attributes.
  byAttribute =
    _: prev:
    prev.lib.genAttrs [ "docker_25" "docker_29" ] (
      name:
      prev.${name}.overrideAttrs (
        final: old:
        prev.lib.optionalAttrs (old ? moby) {
          installPhase = builtins.replaceStrings [ "${old.moby}" ] [ "${final.moby}" ] old.installPhase;
        }
      )
    );
  attributes = set [
    byAttribute
    (ownMoby mark)
  ];
  # As if callPackage did not see the argument.
  hidden = after [
    (_: prev: {
      docker_29 = prev.docker_29 // {
        override = prev.lib.setFunctionArgs prev.docker_29.override { };
      };
    })
    (ownMoby mark)
  ];
  # Whether docker starts the moby that it has.
  links =
    docker:
    builtins.match ".*${builtins.unsafeDiscardStringContext "${docker.moby}"}/bin/dockerd-rootless.*" (
      builtins.unsafeDiscardStringContext docker.installPhase
    ) != null;
in
{
  before =
    same
      (set [
        newTables
        rewrap
      ]).docker
      ((set [ rewrap ]).docker.override { iptables = plain.xfsprogs; });
  beforeAndAfter =
    same
      (set [
        newTables
        rewrap
      ]).docker
      (set [
        rewrap
        newTables
      ]).docker;
  overrideAfter =
    (set [
      rewrap
      newTables
      renamed
    ]).docker ? rewrapped;
  attributesAfter =
    (set [
      rewrap
      renamed
    ]).docker.name;
  runc =
    same
      (set [
        newRunc
        rewrap
      ]).docker
      (set [
        rewrap
        newRunc
      ]).docker;
  runcChanges =
    same
      (set [
        newRunc
        rewrap
      ]).docker
      (set [ rewrap ]).docker;
  moby = builtins.mapAttrs (_: overlays: same (set overlays).moby plain.docker.moby) {
    before = [
      topLevelMoby
      rewrap
    ];
    after = [
      rewrap
      topLevelMoby
    ];
  };
  alias =
    same
      (set [
        oldDocker
        rewrap
      ]).docker
      (set [ rewrap ]).docker_25;
  podman =
    same
      (set [
        podman
        rewrap
      ]).docker
      plain.log-viewer;
  podmanAfter =
    same
      (set [
        rewrap
        podman
      ]).docker
      plain.log-viewer;
  extended = same (plain.extend rewrap).docker (set [ rewrap ]).docker;
  flake = same (set [ flake.overlays.default ]).docker (set [ rewrap ]).docker;
  unaffected = plain.lib.genAttrs [
    "docker-client"
    "rootlesskit"
    "runc"
  ] (name: same (set [ rewrap ]).${name} plain.${name});

  afterFix = {
    rewrap = same (after [ rewrap ]).docker (after [ ]).docker;
    moby = mine.docker.moby.name;
    linked = links mine.docker;
    every = map (name: mine.${name}.moby.name) [
      "docker"
      "docker_25"
      "docker_29"
    ];
    others = plain.lib.genAttrs [
      "docker-runc"
      "docker-containerd"
      "docker-tini"
    ] (name: same mine.docker.${name} (after [ ]).docker.${name});
    client = same mine.docker-client (after [ ]).docker-client;
    # A later override reaches the moby of the user's, which stays theirs.
    parameters =
      let
        inherit (mine.docker.override { iptables = plain.xfsprogs; }) moby;
      in
      moby.name == mine.docker.moby.name && !(same moby mine.docker.moby);
  };
  byAttribute = {
    moby = attributes.docker.moby.name;
    linked = links attributes.docker;
    hidden = hidden.docker_29.moby.name;
    client = same attributes.docker-client (set [ byAttribute ]).docker-client;
  };
  foreign =
    (ownMoby mark plain {
      inherit (plain) lib;
      docker_29 = "text";
    }).docker_29;
  absent = ownMoby mark plain { inherit (plain) lib; };
}
