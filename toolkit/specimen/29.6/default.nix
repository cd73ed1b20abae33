# The package set of the specimen, called as nixpkgs is: import ./. { system = "x86_64-linux"; }
# `config.tools` is the specimen's own: { shell, busybox }, store paths of programs that can build. Without
# it everything evaluates and nothing can be built.
import ./pkgs/top-level
