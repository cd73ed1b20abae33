# An overlay that has the names of NixOS tests in place of the tests: one takes longer than all else that is asked.
# Argument: `tree`, the absolute path of a nixpkgs, a string.
{ tree }:
let
  inherit (builtins)
    concatLists
    elem
    elemAt
    filter
    head
    isAttrs
    isString
    listToAttrs
    map
    mapAttrs
    match
    pathExists
    readFile
    split
    ;

  stub = name: {
    type = "derivation";
    inherit name;
    drvPath = "nixosTests.${name}";
    outPath = "nixosTests.${name}";
  };
  ofTests = [
    "override"
    "passthru"
  ];
  # A test with all that its file has a word for: some are sets of tests, or have functions that make more.
  any =
    words: name:
    listToAttrs (
      map (word: {
        name = word;
        value = any words "${name}.${word}";
      }) (words ++ ofTests)
    )
    // {
      __functor = _: _: any words name;
    }
    // stub name;
  wordsOf =
    name:
    let
      file = /. + tree + "/nixos/tests/${files.${name} or ""}";
      code = if pathExists (file + "/default.nix") then file + "/default.nix" else file;
    in
    if files ? ${name} && pathExists code then
      filter (word: isString word && match "[A-Za-z_][A-Za-z0-9_'-]*" word != null) (
        split "[^A-Za-z0-9_'-]+" (readFile code)
      )
    else
      [ ];
  each =
    depth: name: tests:
    if depth == 0 || !isAttrs tests || tests ? type then
      any [ ] name
    else
      mapAttrs (inner: each (depth - 1) "${name}.${inner}") tests;
  lines =
    let
      file = /. + tree + "/nixos/tests/all-tests.nix";
    in
    filter isString (split "\n" (if pathExists file then readFile file else ""));
  files = listToAttrs (
    concatLists (
      map (
        line:
        let
          found = match "  ([A-Za-z0-9_-]+) =.*[ (][.]/([A-Za-z0-9_./-]+).*" line;
        in
        if found == null then
          [ ]
        else
          [
            {
              name = head found;
              value = elemAt found 1;
            }
          ]
      ) lines
    )
  );
  # Those that are sets of tests, as their lines show: to see whether a single test is one takes as long as the test.
  several = concatLists (
    map (
      line:
      let
        name = match "  ([A-Za-z0-9_-]+) = (recurseIntoAttrs )?[(]?(import|discoverTests|handleTestOn|pkgs.callPackage) ?.*" line;
      in
      if name == null then [ ] else [ (head name) ]
    ) lines
  );
in
_: prev:
if prev ? nixosTests then
  {
    nixosTests = mapAttrs (
      name: test: if elem name several then each 2 name test else any (wordsOf name) name
    ) prev.nixosTests;
  }
else
  { }
