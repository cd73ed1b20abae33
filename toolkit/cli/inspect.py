"""`unlet inspect`: where a package or a docker file binds its parts, and which overrides reach them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click
from msgspec.structs import asdict

from toolkit.cli import options, output
from toolkit.docker import TARGET
from toolkit.docker.inspection import inspect
from toolkit.track.readings import EVALUATION, sentence

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolkit.cli.options import GlobalOptions
    from toolkit.track.readings import Reading


SCHEMA = 2
"""The number of the JSON document's form. A field may be added to it; one that goes or changes needs a new number."""


@options.command(
    "inspect",
    examples=(
        "unlet inspect forgejo --nixpkgs ~/src/nixpkgs",
        "unlet inspect pkgs/applications/virtualization/docker/default.nix",
    ),
)
@click.argument("files", type=click.Path(path_type=Path), metavar="[PACKAGE | FILE…]", nargs=-1)
@options.source_value(
    "--nixpkgs",
    metavar="WHERE",
    help="The nixpkgs of PACKAGE: a directory or git clone, <nixpkgs>, a flake.lock, npins' sources.json, a git URL, "
    "or 'specimen'. By default the checkout that contains the current directory.",
)
@click.option(
    "--graph",
    "picture",
    is_flag=False,
    flag_value="mermaid",
    type=click.Choice(["mermaid"]),
    help="Print the layout of one as a flowchart; mermaid is the only form, and need not be named.",
)
@click.option(
    "--path",
    "of_path",
    is_flag=True,
    help="Build the wrapper dockerd-rootless of one FILE with stand-ins, and show its PATH: as it is, with each "
    "workaround, and after the fix.",
)
@options.bounds(
    timeout="The time that all evaluations together may take, by default 50.",
    memory="The memory that all evaluations together may use, by default 2048.",
)
@options.common
def command(*, files: tuple[Path, ...], picture: str | None, of_path: bool) -> int:
    """Show where a package binds its parts in a let, and which overrides reach them.

    PACKAGE is an attribute path; Nix tries each override in the whole nixpkgs. FILE is a docker file, by default that
    of the nixpkgs that you are in: where rootlesskit and the TODO are is shown as well, and Nix is asked, sealed, if
    overrides might reach the components.
    """
    settings = options.settings()
    options.allow()
    if len(files) == 1 and not files[0].suffix and len(files[0].parts) == 1 and not files[0].exists():
        options.refuse_together("PACKAGE", "--path")
        return _package(str(files[0]), picture, settings)
    options.refuse_without("PACKAGE", "--nixpkgs")
    if not files:
        if (here := options.checkout()) is None:
            raise click.UsageError("name a FILE; the current directory is not in a checkout of nixpkgs")
        files = (Path(os.path.relpath(here / TARGET)),)
    if picture is not None and settings.json:
        raise click.UsageError("--graph and --json exclude each other")
    if (picture is not None or of_path) and len(files) > 1:
        raise click.UsageError(f"{'--path' if of_path else '--graph'} takes one FILE")
    if of_path:
        return _path(next(iter(files)), picture, settings)
    readings = list(zip(files, inspect(files), strict=True))
    if picture is not None:
        from toolkit.docker import pictures  # noqa: PLC0415 - for --graph alone

        output.write(pictures.layout(*readings[0]))
    elif settings.json:
        documents = [{"path": path, **asdict(reading)} for path, reading in readings]
        output.write_json({"schema": SCHEMA, "files": documents})
    else:
        output.write_lines(line for path, reading in readings for line in _lines(path, reading))
    return 0


def _package(name: str, picture: str | None, settings: GlobalOptions) -> int:
    from toolkit.proposal import inspection  # noqa: PLC0415 - a docker file does without, as the next
    from toolkit.sources import trees  # noqa: PLC0415

    request = options.source_request()
    if request.nixpkgs is None:
        raise click.UsageError("the current directory is not in a checkout of nixpkgs; name one with --nixpkgs")
    with output.working(settings) as progress:
        root = trees.as_they_are(request, progress=progress)
        progress.step(f"asking Nix about {name}")
        found = inspection.inspect_package(root, name)
    if picture is not None:
        output.write(inspection.graph(found))
    elif settings.json:
        output.write_json({"schema": SCHEMA, "packages": [asdict(found)]})
    else:
        output.write_lines(inspection.lines(found))
    return 0


def _path(file: Path, picture: str | None, settings: GlobalOptions) -> int:
    from toolkit.docker import pictures  # noqa: PLC0415 - for --path alone

    with output.working(settings) as progress:
        found = pictures.inspect_path(file, progress=progress)
    if picture is not None:
        output.write(pictures.routes(found))
    elif settings.json:
        output.write_json({"schema": 1, **asdict(found)})
    else:
        output.write_lines(pictures.path_lines(found))
    return 0


def _lines(path: Path, reading: Reading) -> Iterator[str]:
    yield f"{path}: {sentence(reading)}"
    releases = ", ".join(f"{attr} {version or '?'}" for attr, version in reading.releases.items())
    rows = [
        ("  layout", reading.layout or "?", ""),
        ("  releases", releases or "none", ""),
        *(
            (f"  {component.name}", component.bound + _line(component.line), _uses(component.references))
            for component in reading.components
        ),
        ("  rootlesskit", reading.rootlesskit + _line(reading.rootlesskit_line), ""),
        ("  TODO", f"line {reading.todo_line}" if reading.todo_line is not None else "none", ""),
    ]
    first = max(len(row[0]) for row in rows)
    second = max(len(row[1]) for row in rows if row[2] or row is rows[-1])
    yield from (f"{name.ljust(first)}  {what.ljust(second)}  {more}".rstrip() for name, what, more in rows)
    yield "  overrides that have an effect on the build:"
    for component in reading.components:
        yield f"    {component.name.ljust(first)}{', '.join(component.doors) or _REACHED[component.overridable]}"
    yield from (f"  {release} does not evaluate: {reason}" for release, reason in reading.failed.items())
    by = "Nix's evaluation" if EVALUATION in {reading.overridable_by, reading.rootlesskit_by} else "the syntax"
    yield f"  decided by {by}{f': {reading.reason}' if reading.reason else ''}"


_REACHED = {True: "one, by the syntax", False: "none", None: "could not tell"}


def _line(number: int | None) -> str:
    return f", line {number}" if number is not None else ""


def _uses(references: tuple[str, ...]) -> str:
    return f"uses {', '.join(references)}" if references else ""
