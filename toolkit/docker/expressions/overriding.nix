# Calling package functions so that their arguments can be replaced afterwards.
# No argument. Result: functionArgs, setFunctionArgs, isFunction, toFunction, makeOverridable,
# callPackageWith, with the meaning that they have in nixpkgs' lib.
let
  inherit (builtins)
    attrNames
    filter
    head
    intersectAttrs
    isAttrs
    ;

  isFunction = f: builtins.isFunction f || (f ? __functor && isFunction (f.__functor f));

  functionArgs =
    f:
    if f ? __functor then
      f.__functionArgs or (functionArgs (f.__functor f))
    else
      builtins.functionArgs f;

  setFunctionArgs = f: parameters: {
    __functor = _: f;
    __functionArgs = parameters;
  };

  toFunction = value: if isFunction value then value else _: value;

  makeOverridable =
    f:
    let
      likeF = g: setFunctionArgs g (functionArgs f);
      call =
        arguments:
        let
          result = f arguments;
          override = likeF (change: makeOverridable f (arguments // toFunction change arguments));
          overrideAttrs =
            change: makeOverridable (likeF (replaced: (f replaced).overrideAttrs change)) arguments;
        in
        if isAttrs result then
          result
          // {
            inherit override;
          }
          // (if result ? overrideAttrs then { inherit overrideAttrs; } else { })
        else if isFunction result then
          setFunctionArgs result (functionArgs result) // { inherit override; }
        else
          result;
    in
    likeF call;

  callPackageWith =
    available: package: explicit:
    let
      f = if isFunction package then package else import package;
      parameters = functionArgs f;
      arguments = intersectAttrs parameters available // explicit;
      absent = removeAttrs parameters (attrNames arguments);
      missing = filter (name: !absent.${name}) (attrNames absent);
    in
    # Not a throw: nobody may take a forgotten argument for a package that does not evaluate here.
    if missing == [ ] then
      makeOverridable f arguments
    else
      abort "callPackageWith: required argument '${head missing}' is not passed";
in
{
  inherit
    callPackageWith
    functionArgs
    isFunction
    makeOverridable
    setFunctionArgs
    toFunction
    ;
}
