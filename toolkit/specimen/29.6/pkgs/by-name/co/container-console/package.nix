{
  stdenv,
  docker,
  docker-compose,
}:
stdenv.mkDerivation {
  pname = "container-console";
  version = "1.0";
  buildInputs = [
    docker
    docker-compose
  ];
}
