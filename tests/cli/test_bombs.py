"""A small file of a stranger's takes neither the memory nor the disk."""

import resource
from pathlib import Path

from tests import bombs
from tests.cli.conftest import Unlet
from tests.cli.test_review import NATIVE
from toolkit import specimen

OVERLAY = """final: prev: {
  notes-server = prev.notes-server.overrideAttrs (old: {
    texts = builtins.map
      (n: builtins.toFile "text-${toString n}" (text + toString n))
      (builtins.genList (n: n) 400);
  });
}
"""
TEXT = """
let
  grow = text: n: if n == 0 then text else grow (text + text) (n - 1);
  text = grow "12345678" 20;
in
"""


def size(directory: Path) -> int:
    return sum(path.lstat().st_size for path in directory.rglob("*"))


def test_patch_that_unpacks_to_gigabytes_is_refused(
    unlet: Unlet, tmp_path: Path
) -> None:
    (tmp_path / "p.diff").write_bytes(patch := bombs.delta(200))
    assert len(patch) < 30_000
    done = unlet("check", "--patch", tmp_path / "p.diff", "--nixpkgs", specimen.path())
    assert (done.returncode, done.stdout) == (3, "")
    fact = "does not apply to this nixpkgs: git needs more than 1024 MiB of memory"
    assert done.stderr == f"p.diff: {fact}\n"
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss < 2 << 20


def test_sealed_overlay_that_fills_the_store_is_ended_and_leaves_nothing(
    unlet: Unlet, tmp_path: Path
) -> None:
    overlay = tmp_path / "overlay.nix"
    overlay.write_text(TEXT + OVERLAY)
    words = ("reach", overlay, "--nixpkgs", specimen.path(), *NATIVE)
    done = unlet(*words, "--sealed")
    assert done.returncode == 3
    assert "it wrote more than 256 MiB to the store" in done.stdout
    assert "--max-disk" in done.stdout
    assert size(Path(unlet.env["HOME"])) < 64 << 20
    more = unlet(*words, "--sealed", "--max-disk", "100")
    assert "more than 100 MiB to the store" in more.stdout
