# The overrides of docker that public configurations use, each of which has to go on working.
# Arguments: `lib`; `plain`, from real.nix; `guarded`, which makes { error } of a throw.
# Result: a function from a docker package and names of rows to row → { package, effect }: the name of its derivation,
# null where the file has no such parameter or attribute; and for rows that replace a part of moby, whether what is
# built has that, else null.
{
  lib,
  plain,
  guarded,
}:
let
  inherit (import ./contents.nix { inherit lib; }) identity steps whole;

  other = name: plain name { instead = true; };
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

  renamed =
    package:
    package.overrideAttrs (_: {
      pname = "renamed";
    });
  withMoby =
    package:
    package.overrideAttrs (old: {
      moby = renamed (old.moby or (throw "there is no moby"));
    });
  withMobyIfAny =
    package: package.overrideAttrs (old: lib.optionalAttrs (old ? moby) { moby = renamed old.moby; });
  withRunc =
    package:
    package.overrideAttrs (_: {
      docker-runc = other "runc";
    });
  withIptables = package: overridden package { iptables = other "iptables"; };
  client = package: overridden package { clientOnly = true; };

  rows = docker: {
    clientOfMoby = client (withMoby docker);
    clientOfMobyIfAny = client (withMobyIfAny docker);
    containerdAndSources = overridden docker {
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
    cliPatched = docker.overrideAttrs (old: {
      patches = old.patches or [ ] ++ [ (plain "cli.patch" { }) ];
    });
    compose = overridden docker {
      docker-compose = other "docker-compose";
      docker-compose_2 = other "docker-compose";
    };
    initSupport = overridden docker { initSupport = true; };
    iptables = withIptables docker;
    mobyAsPath = {
      outPath = "${docker.moby}/libexec/docker/dockerd-rootless.sh";
    };
    mobyAttribute = withMoby docker;
    mobyThenIptables = withIptables (withMoby docker);
    mobyThenRunc = withRunc (withMoby docker);
    plugins = overridden docker {
      buildxSupport = false;
      composeSupport = false;
    };
    pluginsByFunction =
      if lib.functionArgs docker.override ? buildxSupport then
        docker.override (old: {
          buildxSupport = !(old.buildxSupport or true);
        })
      else
        null;
    runc = overridden docker { runc = other "runc"; };
    runcSource = overridden docker {
      runcRev = "other";
      runcHash = hash;
      runcSha256 = hash;
    };
    runcThenMoby = withMoby (withRunc docker);
    xfsprogsThenMoby =
      let
        changed = overridden docker { xfsprogs = other "xfsprogs"; };
      in
      if changed == null then null else renamed changed.moby;
  };

  # What is to be found in the moby that docker is built with. Rows that are not here do not replace a part of it.
  held = {
    mobyAttribute = [ ];
    mobyThenIptables = [ (other "iptables") ];
    mobyThenRunc = [ (other "runc") ];
    runcThenMoby = [ (other "runc") ];
  };
  ofMoby = held // {
    clientOfMoby = [ ];
    clientOfMobyIfAny = [ ];
    mobyAsPath = [ ];
    xfsprogsThenMoby = [ ];
  };

  hasEffect =
    docker: package: parts:
    steps package ? ${identity package.moby}
    && package.moby.pname == "renamed"
    && builtins.all (part: whole package.moby ? ${identity part}) parts
    && !(whole package ? ${identity docker.moby});

  answer =
    docker: name:
    let
      package = if ofMoby ? ${name} && !(docker ? moby) then null else (rows docker).${name};
    in
    {
      inherit name;
      value = guarded {
        package = if package == null then null else identity package;
        effect = if package != null && held ? ${name} then hasEffect docker package held.${name} else null;
      };
    };
in
docker: names: builtins.listToAttrs (map (answer docker) names)
