# Questions about any value, and what is left of one that fails.
let
  inherit (builtins)
    foldl'
    head
    isAttrs
    isFunction
    tail
    tryEval
    unsafeDiscardStringContext
    ;

  guarded =
    otherwise: value:
    let
      attempt = tryEval value;
    in
    if attempt.success then attempt.value else otherwise;

  at = path: value: foldl' (set: name: set.${name}) value path;

  has = path: value: path == [ ] || isAttrs value && value ? ${head path} && has (tail path) value.${head path};

  isPackage = value: isAttrs value && value.type or null == "derivation";

  isCallable = value: isFunction value || isAttrs value && value ? __functor;

  text = value: if value == null then null else unsafeDiscardStringContext (toString value);

  # What the argument of a call sets: a set, or a function of the old one, or of the final and the old one.
  given' =
    change: final: old:
    let
      one = change final;
    in
    if !isFunction change then change else if isFunction one then one old else change old;
in
{
  inherit
    guarded
    at
    has
    isPackage
    isCallable
    text
    given'
    ;
}
