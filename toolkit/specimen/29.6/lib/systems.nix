# From a system's name to what packages ask of a platform.
let
  platforms = import ./platforms.nix;
in
{
  doubles = platforms;
  flakeExposed = platforms.all;

  elaborate =
    given:
    let
      system = given.system or given;
      parts = builtins.split "-" system;
      cpu = builtins.head parts;
      kernel = builtins.elemAt parts 2;
      isLinux = kernel == "linux";
      isDarwin = kernel == "darwin";
    in
    if given ? isLinux then
      given
    else if !builtins.elem system platforms.all then
      throw "systems: '${system}' is unknown"
    else
      {
        inherit system isLinux isDarwin;
        config = if isLinux then "${cpu}-unknown-linux-gnu" else "${cpu}-apple-darwin";
        parsed = {
          cpu.name = cpu;
          kernel.name = kernel;
        };
        isUnix = true;
        is64bit = true;
        isGnu = isLinux;
        isMusl = false;
        isStatic = false;
        isx86_64 = cpu == "x86_64";
        isx86 = cpu == "x86_64";
        isi686 = false;
        isAarch64 = cpu == "aarch64";
        isAarch = cpu == "aarch64";
        isRiscV64 = cpu == "riscv64";
        canExecute = other: other.system == system;
      };
}
