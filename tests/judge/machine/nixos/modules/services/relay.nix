# A service that has to be told a name, and one that needs the board.
{
  config,
  lib,
  types,
  ...
}:
{
  options.services.relay = {
    enable = lib.mkOption {
      type = types.bool;
      default = false;
      description = "Whether it relays.";
    };
    host = lib.mkOption {
      type = types.str;
      example = "relay.example";
      description = "Its name.";
    };
    profiles = lib.mkOption {
      type = types.anything;
      default = [ ../profiles/plain.nix ];
      description = "What its containers may import.";
    };
  };

  config = lib.mkIf config.services.relay.enable {
    environment.etc."relay.conf" = {
      mode = "0644";
      user = "root";
      group = "root";
      text = "host=${config.services.relay.host}\n";
    };
    assertions = [
      {
        assertion = config.services.board.enable;
        message = "services.relay needs services.board";
      }
    ];
  };
}
