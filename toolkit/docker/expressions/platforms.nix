# What a system name such as "aarch64-linux" tells about a platform.
# Argument: the name, or an attribute set that is already a platform.
# Result: the platform, with the attributes that packages ask for (isLinux, canExecute, …).
let
  machines = {
    x86_64 = {
      bits = 64;
      go = "amd64";
      kernelArch = "x86_64";
    };
    i686 = {
      bits = 32;
      go = "386";
      kernelArch = "i386";
    };
    aarch64 = {
      bits = 64;
      go = "arm64";
      kernelArch = "arm64";
    };
    armv7l = {
      bits = 32;
      go = "arm";
      kernelArch = "arm";
    };
    riscv64 = {
      bits = 64;
      go = "riscv64";
      kernelArch = "riscv";
    };
    powerpc64le = {
      bits = 64;
      go = "ppc64le";
      kernelArch = "powerpc";
    };
    s390x = {
      bits = 64;
      go = "s390x";
      kernelArch = "s390";
    };
    loongarch64 = {
      bits = 64;
      go = "loong64";
      kernelArch = "loongarch";
    };
  };

  fromName =
    system:
    let
      parts = builtins.match "([^-]+)-(.+)" system;
      cpu = builtins.elemAt parts 0;
      kernel = builtins.elemAt parts 1;
      machine = machines.${cpu} or (throw "platforms: unknown machine '${cpu}' in '${system}'");
      isLinux = kernel == "linux";
      isDarwin = kernel == "darwin";
    in
    {
      inherit system isLinux isDarwin;
      inherit (machine) bits;
      config =
        if isDarwin then
          "${if cpu == "aarch64" then "arm64" else cpu}-apple-darwin"
        else
          "${cpu}-unknown-${kernel}${if isLinux then "-gnu" else ""}";
      parsed = {
        cpu = {
          name = cpu;
          inherit (machine) bits;
        };
        kernel.name = kernel;
      };
      linuxArch = machine.kernelArch;
      go = {
        GOARCH = machine.go;
        GOOS = kernel;
      };
      isUnix = true;
      isFreeBSD = kernel == "freebsd";
      isGnu = isLinux;
      isMusl = false;
      isStatic = false;
      is64bit = machine.bits == 64;
      is32bit = machine.bits == 32;
      isLittleEndian = cpu != "s390x";
      isBigEndian = cpu == "s390x";
      isx86_64 = cpu == "x86_64";
      isi686 = cpu == "i686";
      isx86 = cpu == "x86_64" || cpu == "i686";
      isAarch64 = cpu == "aarch64";
      isAarch32 = cpu == "armv7l";
      isAarch = cpu == "aarch64" || cpu == "armv7l";
      isRiscV = cpu == "riscv64";
      isRiscV64 = cpu == "riscv64";
      isPower64 = cpu == "powerpc64le";
      isS390x = cpu == "s390x";
      isLoongArch64 = cpu == "loongarch64";
      canExecute =
        other:
        kernel == other.parsed.kernel.name
        && (cpu == other.parsed.cpu.name || (cpu == "x86_64" && other.parsed.cpu.name == "i686"));
    };
in
platform: if builtins.isAttrs platform then platform else fromName platform
