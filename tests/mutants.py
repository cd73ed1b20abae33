"""Changes of a Nix file at random that leave its meaning: what people's files differ in, and more of it.

A mutant is repeated by its random numbers. Comments that are added have a mark, so that
each can be looked for.
"""

import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from random import Random
from typing import TypeVar

from msgspec import Struct

from toolkit.errors import LayoutError, NixSyntaxError, RefusalError, ToolkitError
from toolkit.nix.edit import Edit, apply
from toolkit.nix.scope import binding_names, bound_names, formals, references
from toolkit.nix.tree import Node, Tree

T = TypeVar("T")

# Read here: within a test the environment is sealed.
SIZE = int(os.environ.get("UNLET_MUTANTS", "10"))
_SEED = os.environ.get("UNLET_SEED", "1")
_BATCH = 10

BATCHES = range(-(-SIZE // _BATCH))
"""The numbers of the batches."""

_TEXTS = frozenset(
    {
        "string_expression",
        "indented_string_expression",
        "path_expression",
        "uri_expression",
    }
)
_MARK = re.compile(r"mark-\d+-")

_COMMENTS = (
    "/* {} */",
    " /* {} */ ",
    " # {}\n",
    "\n# {}\n",
    "\n\n  /*\n    {}\n  */\n",
    "/** {} */",
    " # TODO: {}\n",
    ' /* {} docker_31 = callPackage dockerGen {{ version = "31"; }}; */ ',
    " # {} }} '' \" ${{ ;\n",
    " /* {} rootlesskit in */ ",
)
_SPACES = (" ", "\n", "\n\n\n", "\t", "      ", " \n")

_HOSTILE = (
    *(
        "args",
        "builtins",
        "callDocker",
        "callPackage",
        "dockerGen",
        "docker-meta",
        "docker-runc",
        "final",
    ),
    *(
        "finalAttrs",
        "finalPackage",
        "lib",
        "makeBinPath",
        "map",
        "moby",
        "null",
        "old",
        "optionalAttrs",
    ),
    *(
        "passthru",
        "pkgs",
        "prev",
        "previousAttrs",
        "removeAttrs",
        "rootlesskit",
        "self",
        "stdenv",
        "true",
        "version",
    ),
)
"""Names that a rewrite might make up, or trust to mean what they do elsewhere."""

_WRAPS = (
    "({})",
    "(({}))",
    "(assert true; {})",
    "(with {{ }}; {})",
    "(let in {})",
    '(if true then {} else throw "never")',
    "(({{ kept }}: kept) {{ kept = {}; }})",
    "{{ kept = {}; }}.kept",
)


_BINDERS = (
    ('(let {} = throw "shadow"; in ', ")"),
    ("(({}: ", ") null)"),
    ("(({{ {} ? 1, ... }}: ", ") { })"),
    ("(with {{ {} = 1; }}; ", ")"),
)


class Mutant(Struct, frozen=True, kw_only=True):
    """A changed file.

    `changes` names what was done to it, in turn, `marks` are those of the comments in
    it.
    """

    text: str
    changes: tuple[str, ...]

    @property
    def marks(self) -> list[str]:
        """The marks of the comments, in the order of their numbers."""
        return marks(self.text)


def numbers(what: str, batch: int) -> Random:
    """Return the random numbers of a batch of something."""
    return Random(f"{_SEED} {what} {batch}")  # noqa: S311 - whoever knows the seed is to get the same


def sizes(batch: int) -> range:
    """Return the numbers of the mutants in a batch."""
    return range(min(_BATCH, SIZE - batch * _BATCH))


def refused(error: ToolkitError, name: str) -> str:
    """Return the message with which a file is refused: one line, with the place unless it is of another kind."""
    place = "" if isinstance(error, LayoutError) else r"\d+:\d+: "
    assert re.match(rf"{re.escape(name)}:{place}[^\n]+\Z", error.message), error.message
    return error.message


def marks(text: str) -> list[str]:
    """Return the marks that are in a text, sorted."""
    return sorted(_MARK.findall(text))


def mutant(text: str, random: Random, *, most: int = 4) -> Mutant:
    """Return a file after one change or several."""
    changes: list[str] = []
    for number in range(random.randint(1, most)):
        name = random.choice(list(MUTATORS))
        try:
            tree = Tree(text, name="mutant")
        except (NixSyntaxError, RefusalError):
            break
        edits = list(MUTATORS[name](tree, random))
        marked = [
            Edit(
                each.start,
                each.end,
                each.replacement.replace("MARK", f"mark-{number}{at}-"),
            )
            for at, each in enumerate(edits)
        ]
        new = apply(text, marked)
        if new != text:
            text = new
            changes.append(name)
    return Mutant(text=text, changes=tuple(changes))


def _comments(tree: Tree, random: Random) -> Iterator[Edit]:
    """Put comments between tokens, now and then between all."""
    gaps = _gaps(tree)
    chosen = (
        gaps
        if random.random() < 0.05
        else random.sample(gaps, min(len(gaps), random.randint(1, 8)))
    )
    for _, start in chosen:
        yield Edit(start, start, random.choice(_COMMENTS).format("MARK"))


def _spaces(tree: Tree, random: Random) -> Iterator[Edit]:
    """Put other white space between tokens."""
    gaps = [gap for gap in _gaps(tree) if not tree.text[slice(*gap)].strip()]
    for start, end in random.sample(gaps, min(len(gaps), random.randint(1, 20))):
        yield Edit(start, end, random.choice(_SPACES))


def _one_line(tree: Tree, _: Random) -> Iterator[Edit]:
    """Join all lines that no comment or text keeps apart."""
    ended = {
        node.end
        for node in tree.nodes
        if node.kind == "comment" and node.text.startswith("#")
    }
    for start, end in _gaps(tree):
        if start not in ended and "\n" in tree.text[start:end]:
            yield Edit(start, end, " ")


def _carriage_returns(tree: Tree, _: Random) -> Iterator[Edit]:
    """End each line as Windows does."""
    for found in re.finditer(r"(?<!\r)\n", tree.text):
        yield Edit(found.start(), found.end(), "\r\n")


def _wraps(tree: Tree, random: Random) -> Iterator[Edit]:
    """Put expressions into parentheses and others that leave their values."""
    for node in _apart(random, _expressions(tree), random.randint(1, 5)):
        before, after = (
            random.choice(_WRAPS[:2] if random.random() < 0.5 else _WRAPS)
            .format("\0")
            .split("\0")
        )
        yield Edit(node.start, node.start, before)
        yield Edit(node.end, node.end, after)


def _order(tree: Tree, random: Random) -> Iterator[Edit]:
    """Exchange two bindings of a set or a let."""
    sets = [
        node
        for node in tree.nodes
        if node.kind == "binding_set" and len(_bindings(node)) > 1
    ]
    for node in _some(random, sets):
        first, second = random.sample(_bindings(node), 2)
        yield Edit(first.start, first.end, second.text)
        yield Edit(second.start, second.end, first.text)


def _names(tree: Tree, random: Random) -> Iterator[Edit]:
    """Give what a let binds another name wherever it is used."""
    uses = references(tree.root)
    words = set(re.findall(r"[\w'-]+", tree.text))
    lets = [node for node in tree.nodes if node.kind == "let_expression"]
    plain = [
        (let, name)
        for let in lets
        for name, binding in bound_names(let).items()
        if binding.kind == "binding" and binding.children[0].text == name
    ]
    for let, name in _some(random, plain):
        here = [
            use
            for use in uses
            if use.name == name and use.scope is not None and use.scope.node is let
        ]
        new = random.choice(
            [f"{name}'", f"{name}-2", *(each for each in _HOSTILE if each not in words)]
        )
        if new in words or any(use.node.kind != "variable_expression" for use in here):
            continue
        binding = bound_names(let)[name].children[0]
        for node in (binding, *(use.node for use in here)):
            yield Edit(node.start, node.end, new)


def _shadows(tree: Tree, random: Random) -> Iterator[Edit]:
    """Bind a name of others around an expression that does not use it."""
    for node in _apart(random, _expressions(tree), random.randint(1, 3)):
        name = random.choice(_unused(tree, node))
        before, after = random.choice(_BINDERS)
        yield Edit(node.start, node.start, before.format(name))
        yield Edit(node.end, node.end, after)


def _bound(tree: Tree, random: Random) -> Iterator[Edit]:
    """Bind a name of others in a let, or take it as a parameter, without a use."""
    lets = [
        node
        for node in tree.nodes
        if node.kind == "let_expression" and node.child("binding_set")
    ]
    patterns = [
        node
        for node in tree.nodes
        if node.kind == "formals"
        and node.parent is not None
        and not node.text.startswith("{}")
    ]
    for node in _some(random, [*lets, *patterns]):
        owner = node.parent if node.kind == "formals" else node
        if owner is None:
            continue
        taken = formals(owner) if node.kind == "formals" else bound_names(node)
        name = random.choice(
            [name for name in _unused(tree, owner) if name not in taken]
        )
        if node.kind == "formals":
            brace = node.children[0].end
            empty = len(formals(owner)) == 0
            yield Edit(brace, brace, f" {name} ? null{'' if empty else ','}")
        else:
            start = _bindings(node.child("binding_set") or node)[0].start
            yield Edit(start, start, f'{name} = throw "unused"; ')


def _aliases(tree: Tree, random: Random) -> Iterator[Edit]:
    """Use what a let binds by a second name for it."""
    uses = [
        use
        for use in references(tree.root)
        if use.scope is not None
        and use.scope.node.kind == "let_expression"
        and use.node.kind == "variable_expression"
    ]
    for use in _some(random, uses):
        name = f"{use.name}-alias"
        if use.scope is None or name in tree.text:
            continue
        start = _bindings(use.scope.node.child("binding_set") or use.node)[0].start
        if start <= use.node.start:
            yield Edit(start, start, f"{name} = {use.name}; ")
            yield Edit(use.node.start, use.node.end, name)


def _quotes(tree: Tree, random: Random) -> Iterator[Edit]:
    """Write names of attributes as strings."""
    names = [
        node
        for node in tree.nodes
        if node.kind == "identifier"
        and node.parent is not None
        and node.parent.kind == "attrpath"
    ]
    for node in random.sample(names, min(len(names), random.randint(1, 4))):
        yield Edit(
            node.start, node.end, random.choice(['"{}"', '${{"{}"}}']).format(node.text)
        )


def _inherits(tree: Tree, random: Random) -> Iterator[Edit]:
    """Write what a set inherits as bindings."""
    there = [
        node
        for node in tree.nodes
        if node.kind in {"inherit", "inherit_from"}
        and node.parent is not None
        and node.parent.parent is not None
        and node.parent.parent.kind == "attrset_expression"
        and not any(below.kind == "comment" for below in node.walk())
    ]
    for node in _some(random, there):
        source = next(
            (
                f"{child.text}."
                for child in node.children
                if child.kind.endswith("_expression")
            ),
            "",
        )
        source = f"({source[:-1]})." if source else ""
        yield Edit(
            node.start,
            node.end,
            " ".join(f"{name} = {source}{name};" for name in binding_names(node)),
        )


def _sets(tree: Tree, random: Random) -> Iterator[Edit]:
    """Add nothing to sets."""
    for node in _apart(
        random,
        [
            node
            for node in _expressions(tree)
            if node.kind.endswith("attrset_expression")
        ],
        1,
    ):
        yield Edit(node.start, node.start, "(")
        yield Edit(
            node.end,
            node.end,
            random.choice([" // { })", " // (if true then { } else null))"]),
        )


def _junk(tree: Tree, random: Random) -> Iterator[Edit]:
    """Take a token away, write one twice, or put one in that does not belong there."""
    tokens = [
        node for node in tree.nodes if not node.children and node.end > node.start
    ]
    node = random.choice(tokens)
    other = random.choice(tokens).text
    yield Edit(
        node.start,
        node.end,
        random.choice(["", f"{node.text} {node.text}", other, f"{node.text} @"]),
    )


MUTATORS: dict[str, Callable[[Tree, Random], Iterable[Edit]]] = {
    function.__name__.strip("_").replace("_", "-"): function
    for function in (
        _comments,
        _spaces,
        _one_line,
        _carriage_returns,
        _wraps,
        _order,
        _names,
        _shadows,
        _bound,
        _aliases,
        _quotes,
        _inherits,
        _sets,
        _junk,
    )
}


def _gaps(tree: Tree) -> list[tuple[int, int]]:
    """Return what is between two tokens, where a comment may stand."""
    tokens = [
        node for node in tree.nodes if not node.children and node.end > node.start
    ]
    found: list[tuple[int, int]] = []
    for before, after in pairwise(tokens):
        around = {id(node) for node in before.ancestors()}
        shared = next(node for node in after.ancestors() if id(node) in around)
        if shared.kind not in _TEXTS:
            found.append((before.end, after.start))
    return found


def _expressions(tree: Tree) -> list[Node]:
    """Return the expressions that may stand in parentheses."""
    return [
        node
        for node in tree.nodes
        if node.kind.endswith("_expression")
        and node.parent is not None
        and node.parent.kind not in {"attrpath", "inherited_attrs"}
        and not (node.parent.kind == "formal" and node is node.parent.children[0])
    ]


def _apart(random: Random, nodes: Sequence[Node], count: int) -> list[Node]:
    """Choose nodes of which none is in another."""
    chosen: list[Node] = []
    for node in random.sample(nodes, min(len(nodes), count)):
        if not any(node.contains(other) or other.contains(node) for other in chosen):
            chosen.append(node)
    return chosen


def _some(random: Random, of: Sequence[T]) -> list[T]:
    return [random.choice(of)] if of else []


def _bindings(node: Node) -> list[Node]:
    return [
        child
        for child in node.children
        if child.kind in {"binding", "inherit", "inherit_from"}
    ]


def _unused(tree: Tree, node: Node) -> list[str]:
    """Return the names of others that nothing in an expression uses."""
    used = {use.name for use in references(tree.root) if node.contains(use.node)}
    return [name for name in _HOSTILE if name not in used]
