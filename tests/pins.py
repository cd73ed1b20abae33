"""Fill in what is not known of the pins: `python -m tests.pins` fetches each, and writes the id of the file in it."""

import sys
from pathlib import Path

import msgspec
import tomli_w
from msgspec.structs import replace

from toolkit import patches, sources
from toolkit.errors import ToolkitError
from toolkit.git.reading import blob_id
from toolkit.model import Pin, Silence, SourceRequest, Upstream


def fill(path: Path) -> None:
    """Replace patches/pins.toml, or a file like it, as a whole; its first comment stays."""
    upstream = patches.read_toml(path, Upstream)
    filled = replace(upstream, pins=tuple(_filled(pin, upstream) for pin in upstream.pins))
    comment = "".join(line for line in path.read_text().splitlines(keepends=True) if line.startswith("#"))
    document = msgspec.to_builtins(filled, enc_hook=str)
    document["pin"] = [{name: value for name, value in pin.items() if value is not None} for pin in document["pin"]]
    path.write_text(f"{comment}\n{tomli_w.dumps(document)}")


def _filled(pin: Pin, upstream: Upstream) -> Pin:
    request = SourceRequest(nixpkgs=upstream.remote, rev=str(pin.commit))
    blob = blob_id(sources.resolve(request, target=upstream.file, sparse=(), progress=Silence()).content)
    if pin.blob not in {None, blob}:
        raise ToolkitError(f"pin {pin.name}: the file has blob {blob}, recorded is {pin.blob}")
    return replace(pin, blob=blob)


if __name__ == "__main__":
    try:
        fill(patches.shipped() / "pins.toml")
    except ToolkitError as error:
        sys.exit(error.message)
