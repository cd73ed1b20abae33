# Derivations each of which evaluates a part of a package set, so that Nix schedules, seals, spreads and keeps them.
# Argument: `question`, the path of a JSON file: `nix` and `shell`, the words that start them; `tree`, `expressions` and
# `paths`, store paths: a nixpkgs, all.nix with what it needs, and all others; `system`, which is evaluated; `memory`, in
# MiB, for each; `chunks`, a list of { paths, seconds }: what all.nix is asked for, and the time of a processor for it.
# Result: for each chunk a derivation of what Nix says, and of the status it ends with in the last line.
{ question }:
let
  inherit (builtins)
    currentSystem
    fromJSON
    head
    map
    readFile
    storePath
    tail
    toJSON
    toString
    ;

  asked = fromJSON (readFile (/. + question));

  evaluation =
    { paths, seconds }:
    derivation {
      name = "evaluation";
      system = currentSystem;
      builder = head asked.shell;
      args =
        tail asked.shell
        ++ [
          "-c"
          script
          "sh"
        ]
        ++ asked.nix;
      inputs = map storePath asked.paths;
      tree = storePath asked.tree;
      expressions = storePath asked.expressions;
      target = asked.system;
      memory = toString asked.memory;
      seconds = toString seconds;
      paths = toJSON paths;
    };

  # The mark is what no file of the tree can know: the hash of a path that depends on it.
  script = ''
    export HOME=$PWD NIX_CONF_DIR=$expressions NIX_STATE_DIR=$PWD/state NIX_LOG_DIR=$PWD/log NIX_STORE_DIR=${builtins.storeDir}
    export GC_MAXIMUM_HEAP_SIZE=$((memory << 20))
    (
      # Nix's garbage collector has the signal of the soft limit for itself.
      ulimit -t "$seconds"
      ulimit -d "$(((memory + 256) << 10))"
      ulimit -f "$((64 << 11))"
      exec "$@" --extra-experimental-features nix-command search --quiet --json --store dummy:// \
        -I "$tree" -I "$expressions" --file "$expressions/all.nix" --argstr tree "$tree" --argstr system "$target" \
        --argstr paths "$paths" --argstr mark "$out" chunk '^-$' > /dev/null 2> "$out"
    )
    echo "$?" >> "$out"
  '';
in
map evaluation asked.chunks
