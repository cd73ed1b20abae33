"""The states that clones get into, which `situations.toml` has."""

import os
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from tests import cases
from tests.clones import Clone


class Situation(Struct, frozen=True, kw_only=True):
    """How a clone gets into a state."""

    options: Sequence[str] = ()
    name: str = "nixpkgs"
    repo: str = "."
    script: str = ""
    hooks: bool = False

    def make(self, new_clone: Callable[..., Clone]) -> Clone:
        """Return a clone in this state, made by a function that takes options of git-clone."""
        clone = new_clone(*self.options, name=self.name)
        if self.hooks:
            clone.install_hooks()
        done = subprocess.run(
            ["sh", "-euc", self.script], cwd=clone.top, check=False, capture_output=True
        )
        assert done.returncode == 0, done.stderr
        return replace(clone, repo=Path(os.path.normpath(clone.top / self.repo)))


SITUATIONS = cases.read(__file__, dict[str, Situation])
