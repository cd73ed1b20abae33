# Stands in for nixpkgs' file of that name: a test, or a function to one, becomes what handleTest takes.
# Result: a function of { system, pkgs } to { test }.
f: arguments: {
  test = if builtins.isFunction f then f (arguments // { inherit (arguments.pkgs) lib; }) else f;
}
