{
  description = "Find out why overrides of nixpkgs have no effect, and make packages overridable";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";

  outputs =
    { self, nixpkgs }:
    let
      forEachSystem =
        f:
        nixpkgs.lib.genAttrs
          [
            "x86_64-linux"
            "aarch64-linux"
            "aarch64-darwin"
          ]
          (
            system:
            let
              pkgs = nixpkgs.legacyPackages.${system};
            in
            if pkgs.python3Packages ? ast-grep-py then
              f pkgs
            else
              throw "unlet: this nixpkgs has no python3Packages.ast-grep-py: take that of NixOS 25.11 or newer"
          );

      programs = pkgs: [
        pkgs.git
        pkgs.nix
      ];
    in
    {
      packages = forEachSystem (pkgs: {
        default = (pkgs.callPackage ./package.nix { }).overrideAttrs { src = self; };
      });

      apps = forEachSystem (pkgs: {
        default = {
          type = "app";
          program = pkgs.lib.getExe self.packages.${pkgs.stdenv.hostPlatform.system}.default;
          meta.description = "Propose, prove, and track the change to nixpkgs";
        };
      });

      checks = forEachSystem (pkgs: {
        version = pkgs.runCommand "unlet-version" { } ''
          ${pkgs.lib.getExe self.packages.${pkgs.stdenv.hostPlatform.system}.default} --version > $out
        '';
      });

      # All of the project's tools but import-linter and the package mutmut, which nixpkgs does not have.
      devShells = forEachSystem (pkgs: {
        default = pkgs.mkShell {
          packages = programs pkgs ++ [
            (pkgs.python3.withPackages (
              ps:
              (pkgs.callPackage ./package.nix { python3Packages = ps; }).dependencies
              ++ [
                ps.hatchling
                ps.hypothesis
                ps.jsonschema
                ps.mypy
                ps.pytest
                ps.pytest-xdist
                ps.tomli-w
                ps.types-requests
              ]
            ))
            pkgs.nixfmt
            pkgs.pyright
            pkgs.ruff
            pkgs.shellcheck
          ];
        };
      });

      # These two touch no input, so that a user's own nixpkgs is the only one that is evaluated.
      overlays.default = import ./overlays/rewrap.nix;
      nixosModules.default = import ./overlays/privileged-ports.nix;
    };
}
