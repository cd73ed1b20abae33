"""Time `unlet reach` on fifty overrides of a whole nixpkgs.

    .venv/bin/python benchmarks/reach.py --nixpkgs ~/src/nixpkgs

The aim is 15 seconds on two quiet cores. Names that a nixpkgs lacks are overrides that
do not evaluate.
"""

import argparse
import resource
import tempfile
import time
from pathlib import Path

from toolkit.model import Silence, SourceRequest
from toolkit.reach.reaching import ReachRequest, reach

NAMES = """
bat caddy cmake curl docker emacs eza fd ffmpeg firefox fish fzf gdb gh git gnumake go hello htop hugo imagemagick jq
kubectl less lsof lua mpv nano neovim nginx ninja nodejs openssh patch perl podman postgresql redis ripgrep rsync ruby
sqlite starship strace terraform tmux tree vim wget zsh
"""


def main() -> int:
    """Write an overlay, look at it, and print what it took."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--nixpkgs", required=True, help="a directory with a whole nixpkgs"
    )
    parser.add_argument("--system", default="x86_64-linux")
    options = parser.parse_args()
    change = '.overrideAttrs (old: { postInstall = "true"; });'
    with tempfile.TemporaryDirectory() as directory:
        overlay = Path(directory) / "overlay.nix"
        overlay.write_text(
            "final: prev: {\n"
            + "".join(f"  {name} = prev.{name}{change}\n" for name in NAMES.split())
            + "}\n"
        )
        request = ReachRequest(
            paths=(overlay,),
            source=SourceRequest(nixpkgs=options.nixpkgs),
            systems=(options.system,),
        )
        began = time.monotonic()
        found = reach(request, progress=Silence())
        seconds = time.monotonic() - began
    nix = resource.getrusage(resource.RUSAGE_CHILDREN)
    counts = ", ".join(
        f"{count} {status}" for status, count in found.totals.items() if count
    )
    print(f"{len(found.overrides)} overrides: {counts}")
    print(
        f"{seconds:.1f} s; Nix: {nix.ru_utime + nix.ru_stime:.1f} s CPU, "
        f"{nix.ru_maxrss >> 10} MiB the largest"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
