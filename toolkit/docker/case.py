"""What the proofs of docker work on."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from msgspec import Struct

from toolkit import inside, prove
from toolkit.docker import COMPONENTS, builder
from toolkit.docker.steps import DEMOTE, LIFT
from toolkit.errors import NotRunError
from toolkit.nix import limits

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from toolkit.docker.rewrite.layout import DockerFile
    from toolkit.docker.steps import Demotion
    from toolkit.git.reading import TreeFile
    from toolkit.model import Depth, Progress
    from toolkit.proposal.leaf import Added
    from toolkit.sources.trees import NixpkgsTree

BEFORE, LIFTED, DEMOTED = "before", "lifted", "demoted"
"""The stages of our own series, by name."""

STAGES = {LIFT: LIFTED, DEMOTE: DEMOTED}
"""The stage that each step leads to."""

SYSTEMS: tuple[tuple[str, str, str], ...] = (
    ("x86_64-linux", "x86_64-linux", "x86_64-linux"),
    ("aarch64-linux", "aarch64-linux", "aarch64-linux"),
    ("aarch64-darwin", "aarch64-darwin", "aarch64-darwin"),
    ("x86_64-linux → aarch64-linux", "x86_64-linux", "aarch64-linux"),
)
"""Label, build platform and host platform of each pair that is evaluated."""


OVERRIDES = "overrides"
"""What a claim needs that asks what overrides do."""


class DockerStage(prove.Stage, frozen=True, kw_only=True, eq=False):
    """The docker file at one point of the series, in a directory with the files that it refers to."""

    file: DockerFile


class Deep(Struct, frozen=True, kw_only=True, eq=False):
    """How deep the proofs go, the whole nixpkgs tree of each stage by its name, and who sees the progress.

    Unless it is `whole`, there is only the unchanged tree, and only what needs no other is proven.
    """

    depth: Depth
    trees: Mapping[str, NixpkgsTree]
    progress: Progress
    whole: bool = True

    @property
    def systems(self) -> tuple[tuple[str, str, str], ...]:
        """Label, build and host platform of what is evaluated: what the user named, or the isolated tier's."""
        return tuple((name, name, name) for name in self.depth.systems) or SYSTEMS

    @property
    def jobs(self) -> int:
        """How many evaluations run side by side."""
        return limits.jobs(self.depth.max_memory)

    @property
    def memory(self) -> int | None:
        """The memory limit of one evaluation in MiB, None for no limit."""
        return self.depth.max_memory // self.jobs if self.depth.max_memory is not None else None


class DockerCase(prove.Case[DockerStage], frozen=True, kw_only=True, eq=False):
    """A series to be proven. A foreign patch may do one of the steps alone, or both at once.

    `question` is the JSON file that tells Nix about the stages; `own_library` says that the source has no `lib`.
    `beside` are the files beside the source that the stages refer to, by name; empty ones stand in for those that are
    `missing`. `added` follows the series. `deeper` is None if no tier below the first is wanted.
    """

    question: Path
    own_library: bool
    beside: Mapping[str, TreeFile]
    missing: tuple[str, ...] = ()
    demotion: Demotion | None = None
    overlay: Path | None = None
    added: Added | None = None
    deeper: Deep | None = None

    @property
    def deep(self) -> Deep:
        """What the proofs of the deeper tiers have."""
        if self.deeper is None:
            raise AssertionError(self)
        return self.deeper

    @property
    def left_out(self) -> tuple[str, ...]:
        """What the whole tree lacks that the source has."""
        return self.deeper.trees[self.before.name].warnings if self.deeper is not None else ()

    @property
    def of_overrides(self) -> bool:
        """Return whether a claim asks what overrides do."""
        return self.needs is None or OVERRIDES in self.needs

    @property
    def lifted(self) -> DockerStage | None:
        """The file after the components have left the let; None if nothing moves them."""
        return next((stage for stage in self.stages if LIFT in stage.steps), None)

    @property
    def demoted(self) -> DockerStage | None:
        """The file after rootlesskit has left the PATH prefix; None if nothing moves it."""
        return next((stage for stage in self.stages if DEMOTE in stage.steps), None)

    def require_lifted(self) -> DockerStage:
        """Return `lifted`; raise NotRunError if there is none."""
        if self.lifted is None:
            raise NotRunError("the patch leaves the components where they are")
        return self.lifted

    def require_demoted(self) -> DockerStage:
        """Return `demoted`; raise NotRunError if there is none."""
        if self.demoted is None:
            raise NotRunError("the patch leaves the wrapper's PATH as it is")
        return self.demoted

    @property
    def before_demotion(self) -> DockerStage:
        """The stage that the demotion is compared with."""
        return self.stages[[DEMOTE in stage.steps for stage in self.stages].index(True) - 1]


def ask(files: Sequence[DockerFile], *, root: Path | None = None) -> dict[str, object]:
    """Return the data of a case.json, without its sides, for an evaluation with stand-ins.

    `root` is the nixpkgs around them. `names` is whatever in the files might be a package of the set, but for the
    components, which callPackage would take from there; `finals` shows whether Go's builders take a function.
    """
    words = {word for file in files for word in _NAME.findall(file.text)}
    return {
        "libPath": library(root),
        "names": sorted(words - {*COMPONENTS}),
        "finals": builder.builder(files[0], root).takes_function,
        "components": COMPONENTS,
        "systems": [dict(zip(("label", "build", "host"), system, strict=True)) for system in SYSTEMS],
    }


def require_linux() -> None:
    """Raise NotRunError on another system, which has no daemon of docker's."""
    if (system := os.uname().sysname) != "Linux":
        raise NotRunError(f"the daemon is built for Linux and runs there, and this is {system}")


_NAME = re.compile(r"[a-zA-Z_][\w'-]*")


def library(root: Path | None) -> str:
    """Return the path of the `lib` of a nixpkgs, "" where it has none of its own."""
    found = inside.within(root, "lib") if root is not None else None
    return str(root / found) if root and found and inside.is_file(root, found / "default.nix") else ""
