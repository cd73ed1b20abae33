"""Tell what a docker file is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolkit import files
from toolkit.docker import plan as plans
from toolkit.docker.reading import docker_file
from toolkit.docker.rewrite import layout

if TYPE_CHECKING:
    from pathlib import Path

    from toolkit.docker.inspections import Inspection


def inspect(path: Path) -> Inspection:
    """Read the file at `path`; raise ToolkitError for what cannot be read or is no docker file of nixpkgs."""
    plan = plans.plan()
    file = docker_file(files.read_target(path), name=str(path))
    return layout.inspect(file, plan.components, plan.prefix_entry)
