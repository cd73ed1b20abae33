{ docker }:
docker.override { clientOnly = true; }
