# What config.builder is (see the specimen), by the file that defines makeWrapper: from its own builder and the attributes of
# a package to arguments of the shell. Sources are the specimen's.
wrapper: own: attributes:
if attributes ? standsFor && !(attributes ? pname) then
  [ own ]
else
  [ "${./builder}/build.sh" ] ++ (if attributes ? installPhase then [ wrapper ] else [ ])
