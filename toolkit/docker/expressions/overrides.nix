# The overrides of docker that public configurations use, each of which has to go on working: a table for lifted.nix.
{ lib, other }:
let
  hash = "sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

  # Names differ between the eras of the file: only those that it has can be overridden.
  overridden =
    docker: changes:
    let
      parameters = lib.functionArgs docker.override;
      known = builtins.intersectAttrs parameters (
        # A file that fetches moby by itself has no such argument, unless a rewrite made it one.
        if parameters ? mobyRev then removeAttrs changes [ "moby-src" ] else changes
      );
    in
    if known == { } then null else docker.override known;

  renamed = package: package.overrideAttrs (_: { pname = "renamed"; });
  withMoby =
    docker:
    docker.overrideAttrs (old: {
      moby = renamed (old.moby or (throw "there is no moby"));
    });
  withMobyIfAny =
    docker: docker.overrideAttrs (old: lib.optionalAttrs (old ? moby) { moby = renamed old.moby; });
  withRunc = docker: docker.overrideAttrs (_: { docker-runc = other "runc"; });
  withIptables = docker: overridden docker { iptables = other "iptables"; };
  withXfsprogs = docker: overridden docker { xfsprogs = other "xfsprogs"; };
  client = docker: overridden docker { clientOnly = true; };

  has = docker: docker.moby or null != null;
  ifMoby = docker: value: if has docker then value else null;
  # The moby that takes the place of another one.
  replacing = docker: package: old: ifMoby docker {
    inherit old package;
    new = package.moby;
  };
in
docker: {
  "override { iptables = …; }" = withIptables docker;
  "override { runcRev = …; runcHash = …; }" = overridden docker {
    runcRev = "other";
    runcHash = hash;
    runcSha256 = hash;
  };
  "override { version, sources of cli and moby, containerd }" = overridden docker {
    version = "99.0.0";
    rev = "other";
    sha256 = hash;
    cliRev = "other";
    cliHash = hash;
    moby-src = other "moby-src";
    mobyRev = "other";
    mobyHash = hash;
    containerd = other "containerd";
    containerd_1_4 = other "containerd";
  };
  "override { clientOnly = true; }" = client docker;
  "override { buildxSupport = false; composeSupport = false; }" = overridden docker {
    buildxSupport = false;
    composeSupport = false;
  };
  "override (old: { buildxSupport = …; })" =
    if lib.functionArgs docker.override ? buildxSupport then
      docker.override (old: { buildxSupport = !(old.buildxSupport or true); })
    else
      null;
  "override { initSupport = true; }" = overridden docker { initSupport = true; };
  "override { docker-compose = …; }" = overridden docker {
    docker-compose = other "docker-compose";
    docker-compose_2 = other "docker-compose";
  };
  "(override { xfsprogs = …; }).moby.overrideAttrs" = ifMoby docker (
    if withXfsprogs docker == null then null else renamed (withXfsprogs docker).moby
  );
  "docker.moby as a path" = ifMoby docker docker.moby;
  "overrideAttrs (old: { moby = old.moby.overrideAttrs …; })" =
    replacing docker (withMoby docker) docker.moby;
  "that, then override { iptables = …; }" =
    replacing docker (withIptables (withMoby docker)) (withIptables docker).moby;
  "that, then overrideAttrs { docker-runc = …; }" =
    replacing docker (withRunc (withMoby docker)) (withRunc docker).moby;
  "overrideAttrs { docker-runc = …; }, then that" =
    replacing docker (withMoby (withRunc docker)) (withRunc docker).moby;
  "that, then override { clientOnly = true; }" = ifMoby docker (client (withMoby docker));
  "that if there is a moby, then override { clientOnly = true; }" =
    ifMoby docker (client (withMobyIfAny docker));
  "a different runc in the package set" = overridden docker { runc = other "runc"; };
  "overrideAttrs with a patch of the command line" = docker.overrideAttrs (old: {
    patches = old.patches or [ ] ++ [ (other "cli.patch") ];
  });
}
