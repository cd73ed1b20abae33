# Derivations that a sealed build makes, and those that could use the network.
{
  shell,
  tag ? "",
}:
rec {
  make =
    name: more:
    derivation (
      {
        inherit name;
        system = builtins.currentSystem;
        builder = builtins.storePath shell;
        args = [
          "-c"
          "echo > $out"
        ];
      }
      // more
    );
  plain = make "plain${tag}" { };
  structured = make "structured" {
    __structuredAttrs = true;
    args = [
      "-c"
      ". ./.attrs.sh; echo > \${outputs[out]}"
    ];
  };
  floating = make "floating" {
    __contentAddressed = true;
    outputHashAlgo = "sha256";
    outputHashMode = "recursive";
  };
  hash = {
    outputHash = "";
    outputHashAlgo = "sha256";
    outputHashMode = "flat";
  };
  fixed = make "fixed" hash;
  fixed-structured = make "fixed-structured" (hash // { __structuredAttrs = true; });
  fixed-late = make "fixed-late" (
    hash
    // {
      __structuredAttrs = true;
      outputs = [ "out" ];
      needed = plain;
    }
  );
  impure = make "impure" { __impure = true; };
  impure-structured = make "impure-structured" {
    __impure = true;
    __structuredAttrs = true;
  };
  needing = make "needing" { inherit fixed; };
  needing-structured = make "needing-structured" {
    __structuredAttrs = true;
    deep.below = [ fixed-structured ];
  };
  needing-impure = make "needing-impure" {
    __contentAddressed = true;
    inherit impure;
  };
}
