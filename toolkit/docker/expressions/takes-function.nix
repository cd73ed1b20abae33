# Does a builder take a function of the final attributes, as in `buildGoModule (finalAttrs: { … })`?
# Arguments, each a string: `builder`, the absolute path of the file that defines it; `libPath`, the
# folder of the tree's lib.
# Result: true; where it does not, the evaluation fails, since Nix expected a set.
{ builder, libPath }:
let
  lib = import (/. + libPath);
  make = import (/. + builder);
  arguments = builtins.mapAttrs (name: _: throw "takes-function: ${name} is not needed") (
    lib.functionArgs make
  );
  known = {
    inherit lib;
    stdenv = {
      mkDerivation = _: { };
    };
  };
in
builtins.isAttrs (
  make (arguments // builtins.intersectAttrs arguments known) (_: {
    pname = "docker";
    version = "0";
  })
)
