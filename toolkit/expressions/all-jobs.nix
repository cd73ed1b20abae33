# All packages of a nixpkgs in the form that nix-eval-jobs wants; arguments as for all-packages.nix.
{ tree, system }: (import ./all-packages.nix { inherit tree system; }).jobs
