"""A recipe: a package's outer `rec` becomes `finalAttrs:`, so that an override of its version reaches its source."""

from toolkit.errors import LayoutError
from toolkit.lift.plan import LiftPlan
from toolkit.lift.recursion import recursive
from toolkit.lift.rewriting import carry_out
from toolkit.lift.shape import read
from toolkit.lift.wanted import at, construction
from toolkit.nix.tree import Tree


def final_attrs(text: str, *, name: str) -> str:
    """Return the file's text with the builder's attributes as a function of the final ones, and no `rec`.

    `name` is the file's in messages. Raise NixSyntaxError for invalid Nix, LayoutError for a file of a different shape,
    RefusalError for a use of an attribute whose final value may differ.
    """
    shape = read(Tree(text, name=name))
    call = construction(shape)
    if not recursive(call):
        raise LayoutError(f"{at(call.argument)}: the package's attributes are no 'rec' set", hint="nothing to propose")
    return carry_out(LiftPlan(shape=shape, construction=call)).text
