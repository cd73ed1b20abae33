# The overrides of docker that public configurations use, each of which has to go on working.
# Arguments: `plain`, from stubs.nix; `answer`, which makes of a row's package, or of null where the
# file has no such parameter or attribute, what can be compared.
# Result: a function from a docker package to row → answer.
{ plain, answer }:
let
  other = name: plain name { instead = true; };

  # Names differ between the eras of the file: only those that it has can be overridden.
  overridden =
    docker: changes:
    let
      known = builtins.intersectAttrs docker.parameters (
        # A file that fetches moby by itself has no such argument, unless a rewrite made it one.
        if docker.parameters ? mobyRev then removeAttrs changes [ "moby-src" ] else changes
      );
    in
    if known == { } then null else docker.override known;

  renamed =
    package:
    package.overrideAttrs (_: {
      pname = "renamed";
    });

  rows = docker: {
    containerdAndSources = overridden docker {
      version = "99.0.0";
      rev = "other";
      sha256 = "other";
      cliRev = "other";
      cliHash = "other";
      moby-src = other "moby-src";
      mobyRev = "other";
      mobyHash = "other";
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
    iptables = overridden docker { iptables = other "iptables"; };
    mobyAttribute =
      if docker ? moby then
        docker.overrideAttrs (old: {
          moby = renamed old.moby;
        })
      else
        null;
    mobyAsPath =
      if docker ? moby then { outPath = "${docker.moby}/libexec/docker/dockerd-rootless.sh"; } else null;
    plugins = overridden docker {
      buildxSupport = false;
      composeSupport = false;
    };
    pluginsByFunction =
      if docker.parameters ? buildxSupport then
        docker.override (old: {
          buildxSupport = !(old.buildxSupport or true);
        })
      else
        null;
    runc = overridden docker { runc = other "runc"; };
    runcSource = overridden docker {
      runcRev = "other";
      runcHash = "other";
      runcSha256 = "other";
    };
    xfsprogsThenMoby =
      let
        changed = overridden docker { xfsprogs = other "xfsprogs"; };
      in
      if changed ? moby then renamed changed.moby else null;
  };
in
docker: builtins.mapAttrs (_: answer) (rows docker)
