"""`unlet inspect`: the layout of docker files."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from toolkit.cli import options, output
from toolkit.docker.inspect import inspect

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolkit.cli.options import Settings
    from toolkit.docker.inspections import Inspection


@options.command("inspect", examples=("unlet inspect pkgs/applications/virtualization/docker/default.nix",))
@click.argument("files", type=click.Path(path_type=Path), metavar="FILE…", nargs=-1, required=True)
@click.option("--graph", "picture", type=click.Choice(["mermaid"]), help="Print the layout of one FILE as a flowchart.")
@click.option(
    "--path",
    "of_path",
    is_flag=True,
    help="Build the wrapper dockerd-rootless of one FILE with stand-ins, and show its PATH: as it is, with each "
    "workaround, and after the fix.",
)
@options.common
def command(*, files: tuple[Path, ...], picture: str | None, of_path: bool) -> int:
    """Show where a docker file binds each component, and where rootlesskit and the TODO are."""
    settings = options.settings()
    if picture is not None and settings.json:
        options.refuse_together("--graph", {"--json": True})
    if (picture is not None or of_path) and len(files) > 1:
        raise click.UsageError(f"{'--path' if of_path else '--graph'} takes one FILE")
    if of_path:
        return _path(next(iter(files)), picture, settings)
    inspections = [inspect(path) for path in files]
    if picture is not None:
        from toolkit.docker import picture as pictures  # noqa: PLC0415 - for --graph alone

        output.write(pictures.layout(inspections[0]))
    elif settings.json:
        output.write_json({"schema": 1, "files": [asdict(inspection) for inspection in inspections]})
    else:
        output.write_lines(line for inspection in inspections for line in _lines(inspection))
    return 0


def _path(file: Path, picture: str | None, settings: Settings) -> int:
    from toolkit.docker import picture as pictures  # noqa: PLC0415 - for --path alone, as the next
    from toolkit.docker.inspect_path import inspect_path  # noqa: PLC0415

    with output.working(settings) as progress:
        inspection = inspect_path(file, progress=progress)
    if picture is not None:
        output.write(pictures.routes(inspection))
    elif settings.json:
        output.write_json({"schema": 1, **asdict(inspection)})
    else:
        output.write_lines(pictures.path_lines(inspection))
    return 0


def _lines(inspection: Inspection) -> Iterator[str]:
    yield f"{inspection.path}: {inspection.state}"
    releases = ", ".join(f"{release.attr} {release.version or '?'}" for release in inspection.releases)
    rows = [
        ("  layout", inspection.layout, ""),
        ("  releases", releases or "none", ""),
        *(
            (f"  {component.name}", component.bound + _line(component.line), _uses(component.references))
            for component in inspection.components
        ),
        ("  rootlesskit", inspection.rootlesskit + _line(inspection.rootlesskit_line), ""),
        ("  TODO", f"line {inspection.todo_line}" if inspection.todo_line is not None else "none", ""),
    ]
    first = max(len(row[0]) for row in rows)
    second = max(len(row[1]) for row in rows if row[2] or row is rows[-1])
    yield from (f"{name.ljust(first)}  {what.ljust(second)}  {more}".rstrip() for name, what, more in rows)


def _line(number: int | None) -> str:
    return f", line {number}" if number is not None else ""


def _uses(references: tuple[str, ...]) -> str:
    return f"uses {', '.join(references)}" if references else ""
