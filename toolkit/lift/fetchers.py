"""A recipe that gives fetchers `tag` and `hash`, with the same values as before."""

import base64
import re
from collections.abc import Iterator

from toolkit.errors import LayoutError
from toolkit.lift.shape import callee
from toolkit.nix.attributes import statements, value
from toolkit.nix.edit import Edit, apply, replaced
from toolkit.nix.tree import Node, parsed

_TAGGED = re.compile(r"fetchFrom(GitHub|GitLab|Gitea|Forgejo|Codeberg)|fetchgit")
_HASHED = re.compile(
    rf"{_TAGGED.pattern}|fetchFrom(Bitbucket|Sourcehut|Savannah|Gitiles)|fetch(url|zip|patch2?|Pypi|Crate)"
)
_TAG = "refs/tags/"

_DIGITS = "0123456789abcdfghijklmnpqrsvwxyz"
"""The digits of Nix's base 32 (its manual, "Nix Archive"); the last one comes first."""


def renewed(text: str, *, name: str) -> str:
    """Return the text with modern arguments for its fetchers.

    `name` is the file's name in messages. Raise NixSyntaxError for invalid Nix, and
    LayoutError if there is nothing to change.
    """
    nodes = parsed(text, name=name).nodes
    calls = (node for node in nodes if node.kind == "apply_expression")
    edits = [edit for call in calls for edit in _renewed(call)]
    if not edits:
        raise LayoutError(
            f"{name}: no fetcher here has a tag in rev, or a sha256",
            hint="nothing to propose",
        )
    return apply(text, edits)


def _renewed(call: Node) -> Iterator[Edit]:
    function, argument = call.children[0], call.children[-1]
    fetcher = callee(function)[-1:]
    if (
        not fetcher
        or function.kind == "apply_expression"
        or argument.kind != "attrset_expression"
    ):
        return
    bound = {node.children[0].text: node for node in statements(argument, "binding")}
    rev, sha256 = bound.get("rev"), bound.get("sha256")
    if rev is not None and "tag" not in bound and _TAGGED.fullmatch(fetcher[0]):
        yield from _tagged(rev)
    if sha256 is not None and "hash" not in bound and _HASHED.fullmatch(fetcher[0]):
        literal = value(sha256)
        if (
            literal.kind == "string_expression"
            and (sri := _sri(literal.text[1:-1])) is not None
        ):
            yield replaced(sha256.children[0], "hash")
            yield replaced(literal, f'"{sri}"')


def _tagged(rev: Node) -> Iterator[Edit]:
    literal = value(rev)
    if literal.kind != "string_expression" or not literal.text.startswith(f'"{_TAG}'):
        return
    rest = literal.text[1:-1].removeprefix(_TAG)
    only = [child for child in literal.children[1:-1] if child.text != _TAG]
    alone = (
        only[0].text[2:-1].strip()
        if len(only) == 1 and only[0].kind == "interpolation"
        else ""
    )
    yield replaced(rev.children[0], "tag")
    yield replaced(
        literal,
        alone if re.fullmatch(r"[\w.'-]+", alone) else f'"{rest}"',
    )


def _sri(digest: str) -> str | None:
    """Return a SHA-256 in the form of `hash`; None for another text."""
    if re.fullmatch(r"sha256-[A-Za-z0-9+/]{43}=", digest):
        return digest
    if re.fullmatch(r"[0-9a-f]{64}", digest):
        content = bytes.fromhex(digest)
    elif re.fullmatch(rf"[01][{_DIGITS}]{{51}}", digest):
        number = 0
        for digit in digest:
            number = number * len(_DIGITS) + _DIGITS.index(digit)
        content = number.to_bytes(32, "little")
    else:
        return None
    return f"sha256-{base64.b64encode(content).decode()}"
