{
  stdenv,
  docker-client,
  docker-compose,
}:
stdenv.mkDerivation {
  pname = "compose-lint";
  version = "1.0";
  buildInputs = [
    docker-client
    docker-compose
  ];
}
