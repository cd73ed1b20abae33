"""Fill in what is not known of the pins: fetch each commit, and look at the docker file in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from toolkit import patches, sources
from toolkit.docker.rewrite import layout
from toolkit.docker.steps import plan
from toolkit.errors import ToolkitError
from toolkit.git.reading import blob_id
from toolkit.model import SourceRequest

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from toolkit.model import Pin, Progress, Upstream


class UpdatedPins(Struct, frozen=True, kw_only=True):
    """All pins as they are now, and the file that holds them."""

    pins: tuple[Pin, ...]
    path: Path


def update(names: Sequence[str], *, progress: Progress) -> UpdatedPins:
    """Fetch the pins of these names, or all for none, and write `blob` and `newest` of each.

    Nothing is written unless all can be fetched. Raise UsageError for an unknown name, ToolkitError as `look` does.
    """
    wanted = {patches.pin(name).name for name in names}
    upstream = patches.upstream()
    pins = tuple(look(pin, upstream, progress) if not wanted or pin.name in wanted else pin for pin in upstream.pins)
    return UpdatedPins(pins=pins, path=patches.write_pins(pins))


def look(pin: Pin, upstream: Upstream, progress: Progress) -> Pin:
    """Return the pin with `blob` and `newest` as its commit has them at the remote of `upstream`.

    Raise ToolkitError for a commit that cannot be fetched, and for one whose file is not the recorded one.
    """
    progress.step(f"fetching pin {pin.name}")
    found = sources.resolve(
        SourceRequest(nixpkgs=upstream.remote, rev=str(pin.commit)),
        target=upstream.file,
        sparse=plan().sparse,
        upstream=replace(upstream, pins=()),
        progress=progress,
    )
    blob = blob_id(found.content)
    if pin.blob not in {None, blob}:
        raise ToolkitError(f"pin {pin.name}: the file has blob {blob}, recorded is {pin.blob}")
    file = layout.file_of(found.content.decode(), name=f"{pin.name}:{upstream.file}")
    return replace(pin, blob=blob, newest=layout.newest(release.version for release in file.releases()))
