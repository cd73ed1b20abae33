import ./pkgs/top-level/all-packages.nix
