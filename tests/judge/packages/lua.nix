{ final, version }:
{
  one = final.callPackage ({ stdenv }: stdenv.mkDerivation {
    pname = "one";
    version = "1";
    flags = if version < 52 then "old" else "new";
  }) { };
}
