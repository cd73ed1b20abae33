# From a system's name to what packages ask of a platform.
let
  platforms = import ./platforms.nix;
in
{
  doubles = platforms;
  flakeExposed = platforms.all;
  equals = platform: other: platform.system == other.system;

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
          cpu = {
            name = cpu;
            bits = 64;
          };
          kernel.name = kernel;
        };
        linuxArch = if cpu == "aarch64" then "arm64" else if cpu == "riscv64" then "riscv" else cpu;
        go = {
          GOARCH = { x86_64 = "amd64"; aarch64 = "arm64"; }.${cpu} or cpu;
          GOOS = kernel;
        };
        isUnix = true;
        isFreeBSD = false;
        isLittleEndian = true;
        isBigEndian = false;
        is32bit = false;
        is64bit = true;
        isGnu = isLinux;
        isMusl = false;
        isStatic = false;
        isx86_64 = cpu == "x86_64";
        isx86 = cpu == "x86_64";
        isi686 = false;
        isAarch64 = cpu == "aarch64";
        isAarch = cpu == "aarch64";
        isAarch32 = false;
        isRiscV = cpu == "riscv64";
        isRiscV64 = cpu == "riscv64";
        isPower64 = false;
        isS390x = false;
        isLoongArch64 = false;
        canExecute = other: other.system == system;
      };
}
