# The systems by kind.
rec {
  linux = [
    "x86_64-linux"
    "aarch64-linux"
    "riscv64-linux"
  ];
  darwin = [
    "aarch64-darwin"
    "x86_64-darwin"
  ];
  unix = linux ++ darwin;
  all = unix;
}
