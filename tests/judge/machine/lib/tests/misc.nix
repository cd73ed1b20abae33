# Tests of the library: those that fail, as `runTests` gives them.
let
  lib = import ../default.nix;
  test = name: result: expected: if result == expected then [ ] else [ { inherit name; } ];
in
test "testReverseList" (lib.reverseList [ 1 2 ]) [ 2 1 ] ++ test "testCount" (lib.count (n: n > 1) [ 1 2 ]) 1
