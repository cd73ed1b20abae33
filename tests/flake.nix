# What the flake gives: with stand-ins for a nixpkgs, of which only names are looked at; or with a real one as its input.
# Arguments, each a string: `tree`, the absolute path of a nixpkgs, or ""; `names`, JSON, Python packages; `example`, the
# absolute path of a user's flake.nix.
# Result with stand-ins: { package, shell }, the names that they are made of; { version, meta } of the package.
# Result with a tree: { package, shell }, their drvPaths by system; { versions }, of the Python packages in `names`;
# { rewrapped }, whether the overlay does what it is for; { wrappers, failed }, of the example's system.
{
  tree,
  names,
  example,
}:
let
  flake =
    nixpkgs:
    let
      self = (import ../flake.nix).outputs {
        self = self // {
          outPath = toString ../.;
        };
        inherit nixpkgs;
      };
    in
    self;

  lib = import ../toolkit/specimen/29.6/lib;
  named = names: lib.genAttrs names (name: name);
  programs = [
    "git"
    "nix"
    "nixfmt"
    "pyright"
    "ruff"
    "shellcheck"
  ];
  python3Packages = named (builtins.fromJSON names) // {
    buildPythonApplication =
      attributes:
      let
        package = attributes package // {
          overrideAttrs = changes: package // changes;
        };
      in
      package;
  };
  parts = named programs // {
    inherit python3Packages;
    fetchFromGitHub = source: source;
    versionCheckHook = "versionCheckHook";
    lib = lib // {
      fakeHash = "";
      licenses.mit = "MIT";
      platforms = {
        linux = [ ];
        darwin = [ ];
      };
    };
  };
  standIns = flake {
    inherit lib;
    legacyPackages.x86_64-linux = parts // {
      callPackage =
        file: given:
        let
          package = import file;
        in
        package (builtins.intersectAttrs (builtins.functionArgs package) parts // given);
      mkShell = shell: shell;
      python3.withPackages = choose: choose python3Packages;
    };
  };

  given = (import (/. + tree + "/flake.nix")).outputs {
    self = given // {
      outPath = tree;
      lastModifiedDate = "19700101000000";
    };
  };
  # For a tree without its largest file, which lists what Haskell's programs are made of.
  legible =
    pkgs: if pkgs.haskellPackages ? safe-exceptions then pkgs else pkgs // { nixfmt = pkgs.hello; };
  real = flake (
    given // { legacyPackages = builtins.mapAttrs (_: legible) given.legacyPackages; }
  );
  pkgs = given.legacyPackages.x86_64-linux;
  users = (import (/. + example)).outputs {
    nixpkgs = given;
    unlet = real;
  };
  host = users.nixosConfigurations.HOST.config;
  drvPaths = builtins.mapAttrs (_: made: builtins.unsafeDiscardStringContext made.default.drvPath);
in
if tree == "" then
  {
    package = standIns.packages.x86_64-linux.default.dependencies;
    inherit (standIns.packages.x86_64-linux.default) version meta;
    shell = lib.flatten standIns.devShells.x86_64-linux.default.packages;
  }
else
  {
    package = drvPaths real.packages;
    shell = drvPaths real.devShells;
    versions = lib.genAttrs (builtins.fromJSON names) (
      name: pkgs.python3Packages.${name}.version
    );
    rewrapped = (pkgs.extend real.overlays.default).docker.rewrapped;
    wrappers = builtins.filter (lib.hasSuffix "rootlesskit") (builtins.attrNames host.security.wrappers);
    failed = map (one: one.message) (builtins.filter (one: !one.assertion) host.assertions);
  }
