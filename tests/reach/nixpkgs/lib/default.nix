# What reach and the packages beside it need of a lib.
rec {
  optionalAttrs = condition: attributes: if condition then attributes else { };
  fakeHash = "sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
  drop = count: list: builtins.genList (n: builtins.elemAt list (n + count)) (builtins.length list - count);
  last = list: builtins.elemAt list (builtins.length list - 1);
  init = list: builtins.genList (builtins.elemAt list) (builtins.length list - 1);
  range = first: end: builtins.genList (n: first + n) (end - first + 1);
  genAttrs = names: f: builtins.listToAttrs (map (name: { inherit name; value = f name; }) names);
  fix =
    f:
    let
      final = f final;
    in
    final;
  extends =
    overlay: f: final:
    let
      previous = f final;
    in
    previous // overlay final previous;
  composeAll = builtins.foldl' (f: g: final: prev: f final prev // g final (prev // f final prev)) (_: _: { });

  makeExtensible =
    f: fix f // { extend = overlay: makeExtensible (extends overlay f); };

  composeExtensions = f: g: composeAll [ f g ];

  versions = {
    major = version: builtins.head (builtins.splitVersion version);
    majorMinor = version: "${versions.major version}.${builtins.elemAt (builtins.splitVersion version) 1}";
  };

  makeOverridable =
    f: arguments:
    let
      result = f arguments;
      override = {
        __functionArgs = builtins.functionArgs f;
        __functor =
          _: new: makeOverridable f (arguments // (if builtins.isFunction new then new arguments else new));
      };
    in
    result
    // {
      inherit override;
      overrideAttrs = change: makeOverridable (arguments: (f arguments).overrideAttrs change) arguments;
    };
}
