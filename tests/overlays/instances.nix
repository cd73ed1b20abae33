# Docker of the specimen with rewrap.nix and without, to be instantiated and built.
# Arguments, each a string: `shell` and `busybox`, store paths of what can build, "" for none.
{
  shell ? "",
  busybox ? "",
}:
let
  set =
    overlays:
    import ./set.nix {
      inherit overlays;
      tools = if shell == "" then { } else { inherit shell busybox; };
    };
in
{
  plain = (set [ ]).docker;
  rewrapped = (set [ (import ../../overlays/rewrap.nix) ]).docker;
}
