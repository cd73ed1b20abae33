"""A NixOS test joins those of a tree: a line in all-tests.nix, and a file in the form that the line wants."""

from __future__ import annotations

import re
import textwrap
from enum import StrEnum
from typing import TYPE_CHECKING

from msgspec import Struct

from toolkit.docker.rewrite.style import WIDTH
from toolkit.errors import LayoutError
from toolkit.nix import attributes
from toolkit.nix.edit import Edit, apply
from toolkit.nix.tree import Tree

if TYPE_CHECKING:
    from toolkit.nix.tree import Node

NEIGHBOUR = "docker-rootless"
"""The test beside which the new one is named, and whose form it takes."""

SERVICE = "systemd.user.services.docker.path = lib.mkAfter [ pkgs.rootlesskit ];"
"""What a machine of the test needs where dockerd-rootless brings no rootlesskit."""

_ENABLE = "virtualisation.docker.rootless.enable = true;"


class Form(StrEnum):
    """What all-tests.nix makes of a test's file: it is a module, or a function by make-test-python.nix."""

    MODULE = "module"
    FUNCTION = "function"


_FORMS = {
    "runTest": Form.MODULE,
    "runTestOn": Form.MODULE,
    "handleTest": Form.FUNCTION,
    "handleTestOn": Form.FUNCTION,
}


class Registration(Struct, frozen=True, kw_only=True):
    """A line of all-tests.nix: the text of its value, and what form the test's file has to have."""

    value: str
    form: Form


def register(text: str, *, name: str, test: str) -> str:
    """Return all-tests.nix with `test`, whose file is `./TEST.nix`, after NEIGHBOUR and called as that is.

    Raise LayoutError where the neighbour is not there, is called in a way that is not known, or the test is there.
    """
    tree = Tree(text, name=name)
    if (there := _find(tree, test)) is not None:
        raise LayoutError(f"{name}:{there.line}: the test '{test}' is already there")
    beside = _neighbour(tree)
    # Refuses what is not understood.
    _read(tree, beside, NEIGHBOUR)
    end, margin = attributes.line_end(beside), attributes.margin(beside)
    if end < 0 or margin is None:
        raise LayoutError(f"{name}:{beside.line}: '{NEIGHBOUR}' is not alone on its line")
    return apply(text, [Edit(end, end, f"\n{margin}{_renamed(beside, test, margin)}")])


def registration(text: str, *, name: str, test: str) -> Registration:
    """Read the line of a test; raise LayoutError where there is none, or one that is not understood."""
    tree = Tree(text, name=name)
    found = _find(tree, test)
    if found is None:
        raise LayoutError(f"{name}: has no test '{test}'")
    return _read(tree, found, test)


def content(test: str, form: Form, *, brought: bool = True) -> str:
    """Return the test's file in a form; `test` is that of a module, with comments at most above it.

    Unless rootlesskit is `brought` by dockerd-rootless itself, the machines get one on the service's PATH.
    """
    if not brought:
        indent = test[test.rfind("\n", 0, test.index(_ENABLE)) + 1 : test.index(_ENABLE)]
        test = test.replace(_ENABLE, f"{_ENABLE}\n{indent}# dockerd-rootless brings none.\n{indent}{SERVICE}")
    if form is Form.MODULE:
        return test
    head = re.match(r"(?:#[^\n]*\n)*", test)
    above = head[0] if head is not None else ""
    body = textwrap.indent(test[len(above) :], "  ")
    return f"{above}import ./make-test-python.nix (\n{body})\n"


def _find(tree: Tree, test: str) -> Node | None:
    found = [node for node in tree.nodes if node.kind == "binding" and attributes.path(node) == test]
    if len(found) > 1:
        raise LayoutError(f"{tree.name}:{found[1].line}: a second '{test}'")
    return found[0] if found else None


def _neighbour(tree: Tree) -> Node:
    found = _find(tree, NEIGHBOUR)
    if found is None:
        raise LayoutError(f"{tree.name}: has no test '{NEIGHBOUR}' to put the new one beside")
    return found


def _read(tree: Tree, binding: Node, test: str) -> Registration:
    value = attributes.value(binding)
    head, *arguments = attributes.call(value)
    form = _FORMS.get(head.text)
    if form is Form.FUNCTION and arguments and arguments[-1].text in {"{ }", "{}"}:
        arguments = arguments[:-1]
    elif form is Form.FUNCTION:
        form = None
    if form is None or not arguments or arguments[-1].text != f"./{test}.nix":
        raise LayoutError(f"{tree.name}:{binding.line}: '{test}' is tested in an unknown way")
    return Registration(value=value.text, form=form)


def _renamed(binding: Node, test: str, margin: str) -> str:
    """Return the neighbour's binding for another test, its list one element a line where nixfmt breaks it."""
    start = binding.start
    path = f"./{NEIGHBOUR}.nix"
    named = [binding.children[0], *(node for node in binding.walk() if node.kind == "path_expression")]
    edits = [
        Edit(node.start - start, node.end - start, node.text.replace(NEIGHBOUR, test))
        for node in named
        if node.text in {NEIGHBOUR, path}
    ]
    renamed = apply(binding.text, edits)
    systems = next((node for node in binding.walk() if node.kind == "list_expression"), None)
    if len(renamed) <= WIDTH or len(binding.text) > WIDTH or systems is None or not systems.text.startswith("[ "):
        return renamed
    broken = "".join(f"{margin}  {child.text}\n" for child in systems.children[1:-1])
    return apply(binding.text, [*edits, Edit(systems.start - start, systems.end - start, f"[\n{broken}{margin}]")])
