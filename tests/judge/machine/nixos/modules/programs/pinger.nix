# A program that needs a capability.
{
  config,
  lib,
  pkgs,
  types,
  ...
}:
{
  options.programs.pinger.enable = lib.mkOption {
    type = types.bool;
    default = false;
    description = "Whether users can ping.";
  };

  config = lib.mkIf config.programs.pinger.enable {
    environment.systemPackages = [ pkgs.notes-server ];
    security.wrappers.pinger = {
      owner = "root";
      capabilities = "cap_net_raw+p";
    };
  };
}
