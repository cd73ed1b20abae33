# A profile that no machine has by itself.
{ ... }:
{
  config.environment.etc.plain = {
    mode = "0644";
    user = "root";
    group = "root";
    text = "plain\n";
  };
}
