"""What plain Nix says of a tree, for comparison with what the judge says: plain.nix, and nothing of unlet's own."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolkit.shipped import EXPRESSIONS

if TYPE_CHECKING:
    from collections.abc import Sequence

PLAIN = Path(__file__).with_name("plain.nix")
_NIX = ("nix-instantiate", "--eval", "--strict", "--json", "--readonly-mode", "--store", "dummy://")


def plain(root: Path, system: str, expression: str, scratch: Path) -> str | None:
    """Return the value of an expression of `pkgs` as a text, None if it ends Nix; `scratch` is a directory."""
    truth = scratch / "truth.nix"
    truth.write_text(expression)
    words = {
        "tree": str(root),
        "system": system,
        "config": str(EXPRESSIONS / "permitting.nix"),
        "truth": str(truth),
    }
    argv = [*_NIX, str(PLAIN), *(word for name, value in words.items() for word in ("--argstr", name, value))]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    return json.loads(done.stdout) if done.returncode == 0 else None


def seen(root: Path, system: str, names: Sequence[str], scratch: Path) -> list[Any]:
    """Return what is seen of packages of the top level, None for those that end Nix."""
    listed = " ".join(json.dumps(name) for name in names)
    said = plain(root, system, f"map (name: seen pkgs.${{name}}) [ {listed} ]", scratch)
    if said is not None:
        answers: list[Any] = json.loads(said)
        return answers
    if len(names) == 1:
        return [None]
    middle = len(names) // 2
    return [part for half in (names[:middle], names[middle:]) for part in seen(root, system, half, scratch)]
