"""A nixpkgs that a test changes, and proposals for packages of it."""

import shutil
from pathlib import Path
from typing import cast

from msgspec import Struct

from toolkit import specimen
from toolkit.errors import only
from toolkit.model import Depth, Progress, Report, Silence, SourceRequest, Status
from toolkit.proposal.choosing import LiftCase, choose
from toolkit.proposal.proposing import propose
from toolkit.proposal.requests import Request

NOTES = Path("pkgs/by-name/no/notes-server/package.nix")
BOARD = Path("pkgs/by-name/st/status-board/package.nix")
SETS = Path("pkgs/top-level/all-packages.nix")
ALONE = Depth(systems=("x86_64-linux",))
"""One system, which is enough for what differs on none."""


class Nixpkgs(Struct, frozen=True, kw_only=True):
    """A copy of the specimen; proposals are written beside it."""

    root: Path

    @property
    def out(self) -> Path:
        return self.root.with_name("out")

    def text(self, file: Path = NOTES) -> str:
        return (self.root / file).read_text()

    def write(self, file: Path, text: str) -> None:
        (self.root / file).parent.mkdir(parents=True, exist_ok=True)
        (self.root / file).write_text(text)

    def edit(self, before: str, after: str, file: Path = NOTES) -> None:
        """Replace a text wherever it stands in a file."""
        text = self.text(file)
        assert before in text
        self.write(file, text.replace(before, after))

    def add(self, attributes: str) -> None:
        """Add attributes to the package set."""
        text = self.text(SETS).rstrip()
        self.write(SETS, f"{text[: text.rindex('}')]}{attributes}}}\n")

    def copy(self, name: str) -> "Nixpkgs":
        """Return a copy beside this one."""
        return Nixpkgs(root=shutil.copytree(self.root, self.root.with_name(name)))

    def request(self, target: str = "notes-server", **more: object) -> Request:
        return Request(
            target=target,
            source=SourceRequest(nixpkgs=str(self.root)),
            **more,  # type: ignore[arg-type]
        )

    def chosen(self, target: str = "notes-server", **more: object) -> LiftCase:
        """Return the lift of a package, which nothing but the choice has proven."""
        (found,) = choose([self.request(target, **more)], progress=Silence())
        assert isinstance(found, LiftCase), found
        return found

    def propose(
        self, target: str = "notes-server", out: str = "out", **choices: object
    ) -> Report:
        return run(self.root.with_name(out), target, str(self.root), **choices)


def copied(directory: Path) -> Nixpkgs:
    """Copy the specimen into a directory."""
    return Nixpkgs(root=shutil.copytree(specimen.path(), directory / "nixpkgs"))


def run(
    out: Path,
    target: str = "notes-server",
    nixpkgs: str = "specimen",
    **choices: object,
) -> Report:
    """Propose a package, proven on one system unless the choices have a depth."""
    design = choices.pop("design", None)
    designs = {"lift": design} if design is not None else {}
    progress = cast("Progress", choices.pop("progress", Silence()))
    source = SourceRequest(nixpkgs=nixpkgs)
    request = Request(
        target=target,
        source=source,
        out=out,
        designs=designs,  # type: ignore[arg-type]
        **{"depth": ALONE, **choices},  # type: ignore[arg-type]
    )
    (attempt,) = propose([request], progress=progress)
    return only(attempt.result)


def statuses(report: Report) -> dict[str, Status]:
    return {proof.name: proof.status for proof in report.proofs}
