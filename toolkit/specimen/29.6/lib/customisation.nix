# callPackage and override.
let
  inherit (builtins) functionArgs intersectAttrs isAttrs;

  # A function that remembers the parameters of another.
  like = original: f: {
    __functor = _: f;
    __functionArgs = parametersOf original;
  };
  isFunction = f: builtins.isFunction f || f ? __functor;
  parametersOf =
    f: f.__functionArgs or (if isAttrs f then parametersOf (f.__functor f) else functionArgs f);
  given = change: old: if isFunction change then change old else change;

  makeOverridable =
    f:
    like f (
      arguments:
      let
        made = f arguments;
        override = like f (change: makeOverridable f (arguments // given change arguments));
        overrideAttrs = change: makeOverridable (like f (new: (f new).overrideAttrs change)) arguments;
      in
      if made ? overrideAttrs then
        made // { inherit override overrideAttrs; }
      else if isAttrs made then
        made // { inherit override; }
      else
        made
    );
in
{
  inherit isFunction makeOverridable;
  functionArgs = parametersOf;
  setFunctionArgs = f: parameters: {
    __functor = _: f;
    __functionArgs = parameters;
  };
  toFunction = value: if isFunction value then value else _: value;

  # Fills every parameter that the set has, those with a default as well.
  callPackageWith =
    set: package: explicit:
    let
      f = if isFunction package then package else import package;
      filled = intersectAttrs (parametersOf f) set // explicit;
      unfilled = removeAttrs (parametersOf f) (builtins.attrNames filled);
      required = builtins.filter (name: !unfilled.${name}) (builtins.attrNames unfilled);
    in
    if required == [ ] then
      makeOverridable f filled
    else
      abort "callPackage: no '${builtins.head required}' in the package set for ${toString package}";
}
