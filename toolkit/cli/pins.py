"""`unlet pins`: the known nixpkgs commits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from toolkit import patches
from toolkit.cli import options, output
from toolkit.docker.pins import update

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolkit.model import Pin


@click.group("pins", invoke_without_command=True)
@options.common
@click.pass_context
def command(ctx: click.Context) -> int:
    """List the known nixpkgs commits, or complete their entries."""
    if ctx.invoked_subcommand is not None:
        return 0
    settings = options.settings()
    upstream = patches.upstream()
    pins, default = upstream.pins, upstream.default_pin
    if settings.json:
        output.write_json({"default": default, "pins": pins})
    else:
        output.write_lines(output.table(_rows(pins, default)))
    return 0


@command.command("update")
@click.argument("names", metavar="[NAME…]", nargs=-1)
@options.common
def update_pins(*, names: tuple[str, ...]) -> int:
    """Fetch each pin, and fill in the file's blob id and the newest docker in it."""
    settings = options.settings()
    with output.working(settings) as progress:
        updated = update(names, progress=progress)
    if settings.json:
        output.write_json({"path": updated.path, "pins": updated.pins})
    elif not settings.quiet:
        rows = _rows(updated.pins, patches.upstream().default_pin)
        output.write_lines((*output.table(rows), f"wrote {updated.path}"))
    return 0


def _rows(pins: Sequence[Pin], default: str) -> list[tuple[str, ...]]:
    return [
        (
            pin.name,
            str(pin.commit),
            f"blob {pin.blob.short}" if pin.blob is not None else "blob unknown",
            f"docker {pin.newest}" if pin.newest is not None else "docker unknown",
            f"{pin.about} (default)" if pin.name == default else pin.about,
        )
        for pin in pins
    ]
