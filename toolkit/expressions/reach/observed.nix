# How an override is made: a package that remembers which of its functions were called with what, and an extension of a
# scope that leaves beside what it gives what it was given.
let
  inherit (builtins)
    elem
    intersectAttrs
    isAttrs
    isFunction
    listToAttrs
    mapAttrs
    ;

  # An extension of a scope that leaves beside what it gives what it was given, and whose it is; one that is composed of
  # others gives theirs too.
  leaving =
    owner: function: self: super:
    let
      given = function self super;
    in
    given
    // {
      "unlet scope" = [
        {
          inherit
            owner
            function
            given
            self
            super
            ;
          observed = function self (mapAttrs (_: observe [ ]) super);
        }
      ]
      ++ given."unlet scope" or super."unlet scope" or [ ];
    };

  methods = [
    "extend"
    "override"
    "overrideAttrs"
    "overrideDerivation"
    "overridePythonAttrs"
    "overrideScope"
    "overrideScope'"
  ];

  # The argument of a call with its extensions of a scope marked.
  marked =
    method: argument:
    let
      # A set of members is as good as an extension where either is taken.
      inner = given: mapAttrs (_: each: if isFunction each then leaving null each else each) (intersectAttrs extending given);
      extending = {
        overrides = null;
        packageOverrides = null;
      };
    in
    if elem method [ "extend" "overrideScope" "overrideScope'" ] then
      leaving null argument
    else if method != "override" then
      argument
    else if isFunction argument then
      old:
      let
        given = argument old;
      in
      given // inner given
    else
      argument // inner argument;

  observe =
    calls: value:
    if !isAttrs value then
      value
    else
      value
      // mapAttrs (
        method: function:
        (if isAttrs function then function else { })
        // {
          __functor =
            _: argument:
            observe (
              calls
              ++ [
                {
                  inherit method argument;
                  of = value;
                }
              ]
            ) (function (marked method argument));
        }
      ) (intersectAttrs (listToAttrs (map (name: { inherit name; value = null; }) methods)) value)
      // {
        ${scopeName value} = observe [ ] value.${scopeName value};
        "unlet calls" = calls;
      };

  # The same of a set of packages, and of each of them.
  observeSet =
    value:
    observe [ ] (if isAttrs value && value.type or null != "derivation" then mapAttrs (_: observe [ ]) value else value);

  # The attribute of a package with packages of its own, such as an interpreter's or Home Assistant's; null for none.
  scopeName =
    value:
    if !(isAttrs value && value ? override) then
      null
    else if value ? pkgs then
      "pkgs"
    else if value ? python3Packages then
      "python3Packages"
    else
      null;

  scopeIn = value: if scopeName value == null then { } else value.${scopeName value};
in
{
  inherit
    methods
    leaving
    observe
    observeSet
    scopeName
    scopeIn
    ;
}
