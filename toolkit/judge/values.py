"""Read the JSON values in Nix's answers: members of sets and lists, and differences."""

import json
import re
from collections.abc import Iterator
from typing import Any, TypeGuard, cast

from toolkit.judge.subject import with_strings

STORE = re.compile(r"/nix/store/[0-9a-z]{32}-")
_PREFIX = re.compile(rf"{STORE.pattern}(?:(?:python|pypy)[\d.]+-)?")
"""The beginning of a store path: its hash, and the name of an interpreter."""

_MOST_TEXT = 60


def labels(value: Any) -> list[str] | None:  # noqa: ANN401 - JSON
    """Return display names of the members of a list or a set; None for other values."""
    if isinstance(value, list):
        return [_label(each) for each in cast("list[object]", value)]
    if (
        not is_set(value)
        or is_package(value)
        or ({*_MARKS} - {"#", "{"}) & value.keys()
    ):
        return None
    if "#" in value:
        return [*value.get("labels", value["names"])] or None
    return [*value.get("{", value)]


def _label(value: Any) -> str:  # noqa: ANN401 - JSON
    if is_package(value) and isinstance(value["out"], str):
        return _PREFIX.sub("", value["out"])
    members = value if is_set(value) else {}
    names = (
        members.get(name)
        for name in ("github", "shortName", "spdxId", "name", "fullName")
    )
    found = next((name for name in names if isinstance(name, str)), None)
    return (
        value
        if isinstance(value, str)
        else found or json.dumps(value, ensure_ascii=False)[:_MOST_TEXT]
    )


def names_in(value: Any) -> set[str]:  # noqa: ANN401 - JSON
    """Return the names in a set, even if a hash represents the set."""
    if not is_set(value) or is_package(value) or ({*_MARKS} - {"#"}) & value.keys():
        return set()
    return {*value["names"]} if "#" in value else {*value}


NOTHING = object()
_MARKS = {"!", "λ", "#", "{", "["}


def leaves(prefix: str, before: Any, after: Any) -> Iterator[tuple[str, Any, Any]]:  # noqa: ANN401 - JSON
    """Yield the innermost differences between two nested sets.

    Each has its dotted path, and the values before and after.
    """
    if before == after:
        return
    sets = is_set(before) and is_set(after)
    if (
        not sets
        or is_package(before)
        or is_package(after)
        or _MARKS & (before.keys() | after.keys())
    ):
        yield prefix, before, after
        return
    for name in sorted(before.keys() | after.keys()):
        inner = f"{prefix}.{name}" if prefix else name
        yield from leaves(inner, before.get(name, NOTHING), after.get(name, NOTHING))


def is_set(value: Any) -> TypeGuard[dict[str, Any]]:  # noqa: ANN401 - JSON
    """Return whether a value is a JSON object."""
    return isinstance(value, dict)


def is_package(value: Any) -> bool:  # noqa: ANN401 - JSON
    """Return whether a value represents a package."""
    return is_set(value) and value.keys() == {"drv", "out"}


def parameters(value: Any) -> dict[str, bool] | None:  # noqa: ANN401 - JSON
    """Return a function's arguments, each with whether it has a default.

    Return None if the value is not a function.
    """
    return value.get("λ") if is_set(value) else None


def without_places(value: Any) -> Any:  # noqa: ANN401 - JSON
    """Return a value in which each store path is replaced by its name."""
    return with_strings(value, lambda text: STORE.sub("", text))


def without_hashes(value: Any) -> Any:  # noqa: ANN401 - JSON
    """Return a value without the hashes in its store paths."""
    return with_strings(value, lambda text: STORE.sub("/nix/store/…-", text))
