# A function of packages, or the path of one, that refuses an argument which it does not take by a throw.
# Argument: `lib`. Result: a function from the function to one that does the same otherwise.
#
# Nix's own error for such an argument cannot be caught. Its XML is all that tells of `...`, and it tells of the
# parameters that setFunctionArgs hides.
{ lib }:
let
  inherit (builtins) isFunction match;

  innermost = f: if isFunction f then f else innermost (f.__functor f);
in
package:
let
  function = if lib.isFunction package then package else import package;
  accepted = builtins.functionArgs (innermost function);
  isOpen = match ".*<attrspat( name=[^>]*)?>.*" (builtins.toXML (innermost function)) == null;
  checked =
    arguments:
    let
      unknown = lib.attrNames (removeAttrs arguments (lib.attrNames accepted));
    in
    if isOpen || unknown == [ ] then
      function arguments
    else
      throw "called with unexpected argument '${builtins.head unknown}'";
in
lib.setFunctionArgs checked (lib.functionArgs function)
