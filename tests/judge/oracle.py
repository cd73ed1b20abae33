"""What plain Nix says of a tree, for comparison with what the judge says: plain.nix, and nothing of unlet's own."""

import json
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from toolkit.shipped import EXPRESSIONS

PLAIN = Path(__file__).with_name("plain.nix")
_NIX = (
    "nix-instantiate",
    "--eval",
    "--strict",
    "--json",
    "--readonly-mode",
    "--store",
    "dummy://",
)


def plain(root: Path, system: str, expression: str, scratch: Path) -> str | None:
    """Return the value of an expression of `pkgs` as a text, None if it ends Nix.

    `scratch` is a directory.
    """
    done = _asked(root, system, expression, scratch)
    return json.loads(done.stdout) if done.returncode == 0 else None


def seen(root: Path, system: str, names: Sequence[str], scratch: Path) -> list[Any]:
    """Return what is seen of packages of the top level, None for those that end Nix."""
    answers: dict[str, Any] = {}
    while left := [name for name in names if name not in answers]:
        listed = " ".join(json.dumps(name) for name in left)
        done = _asked(
            root,
            system,
            f"map (name: say name (seen pkgs.${{name}})) [ {listed} ]",
            scratch,
        )
        said = re.findall(r"^trace: (\S+) (\{.*\})$", done.stderr, re.MULTILINE)
        answers.update(
            (name, json.loads(answer)) for name, answer in said if name in left
        )
        if done.returncode != 0:
            # The first without an answer has ended it.
            answers[next(name for name in left if name not in answers)] = None
    return [answers[name] for name in names]


def _asked(
    root: Path, system: str, expression: str, scratch: Path
) -> subprocess.CompletedProcess[str]:
    truth = scratch / "truth.nix"
    truth.write_text(expression)
    words = {
        "tree": str(root),
        "system": system,
        "config": str(EXPRESSIONS / "permitting.nix"),
        "truth": str(truth),
    }
    argv = [
        *_NIX,
        str(PLAIN),
        *(word for name, value in words.items() for word in ("--argstr", name, value)),
    ]
    return subprocess.run(argv, capture_output=True, text=True, check=False)
