# Without a compiler its wrappers are scripts as well.
{ makeWrapper }:
makeWrapper.overrideAttrs { pname = "make-binary-wrapper"; }
