"""Read nixpkgs' docker file: its definitions, their places, and its known state.

The layouts are those of the file's history since 2018: an outer `rec { dockerGen = …;
docker_NN = …; }` or `let dockerGen = …; in { docker_NN = …; }`, where dockerGen is a
function with a set pattern.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache

from packaging.version import Version

from toolkit import files
from toolkit.docker import COMPONENTS
from toolkit.errors import LayoutError
from toolkit.lift.shape import read, selection
from toolkit.lift.style import pattern_style
from toolkit.nix.attributes import call, inside, name_of, operator, spine, value
from toolkit.nix.scope import bound_names, formals
from toolkit.nix.tree import Node, parsed
from toolkit.track.readings import Component

GENERATOR = "dockerGen"

_SWITCH = re.compile(r"with[A-Z]\w*|\w+(?:Support|Only)")

TODO = re.compile(r"TODO: move packages out of the let\b")
"""Upstream's comment (nixpkgs, from docker 20.10.21 on)."""


class DockerFile:
    """The docker file as a tree, with the places that the rewrites need."""

    def __init__(self, text: str, *, name: str, known: bool = False) -> None:
        """Parse `text` and recognise its layout; `known` as for a Tree.

        Raise NixSyntaxError for invalid Nix, and LayoutError if it has no dockerGen as
        in nixpkgs.
        """
        self.tree = parsed(text, name=name, known=known)
        self.binding = self._find_generator()
        self.function = _value(self.binding)
        self.formals = formals(self.function)
        self.shape = read(self.tree, self.function)
        self.references = self.shape.references
        self.bindings: Mapping[str, Node] = (
            bound_names(self.shape.lets[0]) if self.shape.lets else {}
        )
        self.style = pattern_style(self.binding, self.function)

    @property
    def text(self) -> str:
        """The file's text."""
        return self.tree.text

    @property
    def attributes(self) -> Mapping[str, Node]:
        """Docker's attributes by name, if they are a function of the final ones."""
        built = self.shape.construction
        bound = (
            built.attributes if built is not None and built.final is not None else ()
        )
        return {
            path[0]: node
            for path, node in bound
            if len(path) == 1 and node.kind == "binding"
        }

    @property
    def takes_any(self) -> bool:
        """Whether dockerGen accepts unnamed arguments, as `args@{ a, ... }` does."""
        pattern = self.function.child("formals")
        return pattern is not None and pattern.child("ellipses") is not None

    def unnamed(self) -> tuple[str, ...]:
        """Return the arguments that dockerGen uses only as `args.NAME`."""
        if not self.takes_any:
            return ()
        uses = (
            use
            for use in self.references
            if use.scope is not None and use.scope.node is self.function
        )
        whole = [use for use in uses if self.formals[use.name].kind == "identifier"]
        names = [name for use in whole for name in selection(use.node)]
        return tuple(dict.fromkeys(name for name in names if name not in self.formals))

    def paths(self) -> tuple[str, ...]:
        """Return the neighbouring files that this one uses, without duplicates.

        The names are as written after `./`.
        """
        paths = (
            node.text for node in self.tree.nodes if node.kind == "path_expression"
        )
        return tuple(
            dict.fromkeys(
                path.removeprefix("./") for path in paths if path.startswith("./")
            )
        )

    def releases(self) -> dict[str, str | None]:
        """Return the releases that the file defines, in its order.

        The values are the versions as written; the keys are the attributes.
        """
        found = {
            name: re.search(r'\bversion = "([^"]+)"', text)
            for name, text in self.release_blocks().items()
        }
        return {
            name: version[1] if version is not None else None
            for name, version in found.items()
        }

    def by_age(self) -> list[str]:
        """Return the attributes of the releases, the highest version last."""
        releases = self.releases()
        return sorted(releases, key=lambda name: ordered(releases[name] or ""))

    def release_blocks(self) -> dict[str, str]:
        """Return the text of each `docker_NN… = …` in the file's set, by attribute.

        The set may be joined from several with `//`. The order is that of the file.
        """
        found: dict[str, Node] = {}
        pending = [self.tree.root]
        while pending:
            node = spine(pending.pop())[-1]
            if node.kind.endswith("attrset_expression"):
                # Of two with a name, that on the right comes first here.
                found = {
                    **{
                        name: each
                        for name, each in bound_names(node).items()
                        if _is_release(name, each)
                    },
                    **found,
                }
            elif operator(node) == "//":
                pending += [
                    child
                    for child in node.children
                    if child.kind not in {"comment", "//"}
                ]
            elif node.kind == "apply_expression":
                # Such as optionalAttrs and removeAttrs. Which names there are in the
                # end, Nix tells.
                pending += call(node)[1:]
        return {
            name: each.text
            for name, each in sorted(found.items(), key=lambda pair: pair[1].start)
        }

    def switches(self) -> tuple[str, ...]:
        """Return the parameters of dockerGen that are booleans, by their names."""
        return tuple(name for name in self.formals if _SWITCH.fullmatch(name))

    def parameters(self) -> set[str]:
        """Return the parameters of all functions in the file."""
        return {
            node.children[0].text
            for node in self.tree.root.walk()
            if node.kind == "formal"
        }

    def optional(self) -> set[str]:
        """Return the parameters with a default of all functions in the file."""
        found = (
            node
            for node in self.tree.root.walk()
            if node.kind == "formal" and len(node.children) > 1
        )
        return {node.children[0].text for node in found}

    def todos(self) -> list[Node]:
        """Return all comments with upstream's TODO, in the order of the file."""
        return [
            node
            for node in self.tree.source.walk()
            if node.kind == "comment" and TODO.search(node.text)
        ]

    def _find_generator(self) -> Node:
        outer = (
            node
            for node in spine(self.tree.root)
            if node.kind in {"rec_attrset_expression", "let_expression"}
        )
        for binding in filter(
            None, (bound_names(node).get(GENERATOR) for node in outer)
        ):
            if binding.kind != "binding" or _value(binding).child("formals") is None:
                fact = (
                    f"unknown layout: {GENERATOR} is not a function with a set pattern"
                )
                raise LayoutError(f"{binding.location}: {fact}")
            return binding
        raise LayoutError(
            f"{self.tree.name}: unknown layout: no 'let' or 'rec' of the file defines "
            f"a function {GENERATOR}",
            hint="this is not nixpkgs' "
            "pkgs/applications/virtualization/docker/default.nix",
        )


def _is_release(name: str, binding: Node) -> bool:
    """Return whether a statement is `docker_NN = …;`.

    An alias that only explains a removal, `docker_NN = throw "…";`, is none.
    """
    if binding.kind != "binding" or re.match(r"docker_\d", name) is None:
        return False
    return name_of(call(_value(binding))[0]) != "throw"


def component(file: DockerFile, name: str) -> Component:
    """Return where `name` is bound."""
    for bound, nodes in (
        ("parameter", file.formals),
        ("attribute", file.attributes),
        ("let", file.bindings),
    ):
        if (node := nodes.get(name)) is not None:
            return Component(name=name, bound=bound, line=node.line)
    return Component(name=name, bound="absent")


def locked(file: DockerFile) -> bool:
    """Return whether the definitions in dockerGen's let cannot be replaced.

    That is so if they have no argument, and no function is below the let, such as one
    of final attributes.
    """
    below = spine(file.function)[-1].walk()
    if file.takes_any or any(node.kind == "function_expression" for node in below):
        return False
    return not any({*names} - {part} for part, names in arguments(file).items())


def arguments(
    file: DockerFile, *, before: DockerFile | None = None
) -> dict[str, tuple[str, ...]]:
    """Return for each component the arguments that may override it.

    One has its name; others have the component's name or "component" in theirs, and
    have a default, are no parameter, or are new since `before`.
    """
    known = (before or file).formals
    parameters = [
        name
        for name, formal in file.formals.items()
        if formal.kind == "formal" and (len(formal.children) > 1 or name not in known)
    ]
    made = (*parameters, *file.unnamed())
    return {part: (*_own(file, part), *_made_for(part, made)) for part in COMPONENTS}


def _own(file: DockerFile, component: str) -> tuple[str, ...]:
    """Return the argument with a component's name, if it can exist."""
    return (component,) if file.takes_any or component in file.formals else ()


def _made_for(component: str, names: Iterable[str]) -> Iterator[str]:
    """Yield the names that contain a component's name, or "component"."""
    words = (component.removeprefix("docker-"), "component")
    for name in names:
        plain = name.replace("-", "").lower()
        if name != component and any(word in plain for word in words):
            yield name


@lru_cache(maxsize=16)
def file_of(text: str, *, name: str, known: bool = False) -> DockerFile:
    """Return a text as a DockerFile; raise as `docker_file` does.

    `known`: unlet made the text itself, so no child process checks whether the parser
    ends.
    """
    return DockerFile(text, name=name, known=known)


def docker_file(content: bytes, *, name: str) -> DockerFile:
    """Parse and recognise the file; `name` is its name in messages.

    Raise NixSyntaxError with the place, LayoutError for another kind of file, and
    ToolkitError for bytes that are not text.
    """
    files.check_content(name, content)
    return file_of(content.decode(), name=name)


def newest(versions: Iterable[str | None]) -> str | None:
    """Return the highest of the versions."""
    return max(
        (version for version in versions if version is not None),
        key=ordered,
        default=None,
    )


def ordered(version: str) -> Version:
    """Return the numbers of docker's version, without a fork's suffix."""
    found = re.search(r"\d{1,9}(?:\.\d{1,9})*", version)
    return Version(found[0] if found is not None else "0")


def _value(binding: Node) -> Node:
    """Return the expression of a binding, without the parentheses around it."""
    return inside(value(binding))
