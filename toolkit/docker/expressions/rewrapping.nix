# What an overlay that wraps docker anew makes of the dockers of a nixpkgs, beside what they are without it.
# Arguments, each a string: `overlay`, the absolute path of the overlay; `tree`, that of the nixpkgs; `names`, JSON, a list of
# attributes; `system`.
# Result: { packages, facts }, both by name. `packages` holds { before, after, overridden }, the last if the package
# has an iptables to override: { before, after } again. Of `facts`, all of it text, booleans and nulls, `kept` names
# what is the same as without the overlay, `lost` what the package has no longer.
{
  overlay,
  tree,
  names,
  system,
}:
let
  set = overlays: import ./set.nix { inherit overlays system tree; };
  rewrap = import (/. + overlay);
  without = set [ ];
  once = set [ rewrap ];
  twice = set [
    rewrap
    rewrap
  ];
  inherit (without) lib;

  path = package: builtins.unsafeDiscardStringContext package.drvPath;
  same = left: right: path left == path right;
  has = parameter: package: lib.functionArgs package.override ? ${parameter};
  otherwise =
    package:
    package.override {
      iptables = without.iptables.overrideAttrs { pname = "other-iptables"; };
    };

  kept =
    name: before: after:
    {
      twice = same twice.${name} after;
      pname = before.pname or "" == after.pname or "";
      version = before.version or "" == after.version or "";
      outputs = before.outputs or [ "out" ] == after.outputs or [ "out" ];
      meta = lib.attrNames before.meta == lib.attrNames after.meta;
      passthru = lib.attrNames before.passthru == lib.attrNames after.passthru;
      moby = same before.moby after.moby;
      parameters = lib.functionArgs before.override == lib.functionArgs after.override;
      override = same (after.override { }) after;
      overrideAttrs = same (after.overrideAttrs (_: { })) after;
    }
    // lib.optionalAttrs (has "clientOnly" before) {
      client = same (before.override { clientOnly = true; }) (after.override { clientOnly = true; });
    }
    // lib.optionalAttrs (has "iptables" before) {
      overridden = (otherwise after) ? rewrapped;
    };

  about =
    name:
    let
      before = without.${name};
      after = once.${name};
      rewrapped = after ? rewrapped;
      lost = lib.attrNames (removeAttrs before (lib.attrNames after));
    in
    {
      packages = {
        inherit before after;
      }
      // lib.optionalAttrs (rewrapped && has "iptables" before) {
        overridden = {
          before = otherwise before;
          after = otherwise after;
        };
      };
      facts = {
        before = path before;
        after = path after;
        inherit lost rewrapped;
        overridable = rewrapped && has "iptables" before;
        kept =
          if !rewrapped then
            { drvPath = same before after; }
          else if lost != [ ] then
            { }
          else
            kept name before after;
      };
    };

  answers = lib.genAttrs (builtins.fromJSON names) about;
in
{
  packages = builtins.mapAttrs (_: answer: answer.packages) answers;
  facts = builtins.mapAttrs (_: answer: answer.facts) answers;
}
