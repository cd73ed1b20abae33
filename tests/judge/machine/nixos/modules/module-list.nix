[
  ./programs/pinger.nix
  ./services/board.nix
  ./services/relay.nix
]
