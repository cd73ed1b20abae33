"""The strategy `in-place`: the definitions stay in dockerGen's let under the names `default-…`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolkit.docker.rewrite import lift
from toolkit.nix.edit import Edit, apply

if TYPE_CHECKING:
    from toolkit.docker.rewrite.lift import Lifting


def rewrite(lifting: Lifting) -> str:
    """Return the file's text with each component chosen by an argument; raise RefusalError where a name is taken."""
    file = lifting.file
    defaults = {name: f"default-{name}" for name in lifting.components}
    lift.require_unused(file, (*defaults.values(), "args", "release", lift.CALLER))
    edits = [
        *lift.new_parameters(lifting, "components, by default those named default-… below"),
        *lift.new_calls(lifting),
    ]
    for definition in lifting.moved:
        if (default := defaults.get(definition.name)) is not None:
            name = definition.node.children[0]
            choice = file.style.choice(definition.name, default, lifting.indent)
            edits += [Edit(name.start, name.end, default), Edit(definition.end, definition.end, f"\n{choice}")]
    return apply(file.text, edits)
