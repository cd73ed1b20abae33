"""Find downloads that changed but keep their old hash.

Nix would then reuse the old download. Also find changed derivations that are only
mentioned in a text, such as a build script.
"""

import re
from collections.abc import Collection, Iterator, Sequence
from functools import partial
from typing import Any

from toolkit.judge.differences import (
    Cause,
    DifferenceFact,
    DifferencePlace,
    Kind,
    Weighed,
    changed,
    noted,
    regression,
)
from toolkit.judge.subject import HASHES, with_strings
from toolkit.judge.values import STORE

# Attributes that affect how a download runs, but not its result.
_MANNERS = {
    "__ignoreNulls",
    "__structuredAttrs",
    "allowSubstitutes",
    "doCheck",
    "doInstallCheck",
    "impureEnvVars",
    "outputChecks",
    "passthru",
    "preferHashedMirrors",
    "preferLocalBuild",
    "revCustom",
    "showURLs",
    "strictDeps",
    "userHook",
}
# Attributes that do not matter if a URL names the source; a custom command may use
# them.
_BESIDE_PLACES = {"env", "version"}
# Attributes that change with a new version.
_NAMES = {*_MANNERS, *_BESIDE_PLACES, "name", "pname"}
_REF = {"rev", "tag", "ref"}
_TAG = re.compile(r"refs(?:/|%2F)tags(?:/|%2F)")  # A tag is named in full or not.
# The most informative attributes of a download, in the order of display.
_TELLING = (
    "urls",
    "rev",
    "fetcher",
    "fetchSubmodules",
    "sparseCheckout",
    "leaveDotGit",
    "postFetch",
    "patches",
)


def fetches(
    before: list[Any], after: list[Any], *, same: bool = False
) -> Iterator[Weighed]:
    """Yield the differences of downloads that keep their hash but not their derivation.

    With `same`, the package is otherwise built the same, so a renamed download that
    keeps its hash is only a note.
    """
    before, after = (
        [each for each in side if isinstance(each["drv"], str)]
        for side in (before, after)
    )
    olds = _Fetches(before)
    for new in after:
        old = olds.counterpart(new)
        if old is not None and new["drv"] not in olds.derivations:
            yield from _fetch_differs(old, new, same=same)


class _Fetches:
    """The downloads of a package before the change, by name, output and hash."""

    def __init__(self, fetches: Sequence[dict[str, Any]]) -> None:
        self.derivations = {fetch["drv"] for fetch in fetches}
        self._by_name = {fetch["name"]: fetch for fetch in fetches}
        self._by_output = {
            fetch["out"]: fetch for fetch in fetches if isinstance(fetch["out"], str)
        }
        self._by_hash = {_hash(fetch): fetch for fetch in fetches}

    def counterpart(self, new: dict[str, Any]) -> dict[str, Any] | None:
        """Return the earlier download whose output or hash a new one keeps, or None."""
        old = self._by_name.get(new["name"])
        if (old is None or not _keeps_hash(old, new)) and isinstance(new["out"], str):
            old = self._by_output.get(new["out"]) or self._by_hash.get(_hash(new))
        return old if old is not None and _keeps_hash(old, new) else None


def _fetch_differs(
    old: dict[str, Any], new: dict[str, Any], *, same: bool
) -> Iterator[Weighed]:
    """Yield the differences between two downloads with the same output or hash."""
    one, other = _fetch(old), _fetch(new)
    is_renamed = old["out"] != new["out"]
    has_place = one.get("urls") is not None
    names = _serious(one, other, is_renamed=is_renamed)

    def cause(fact: DifferenceFact, *telling: str) -> Cause:
        return Cause(
            fact=fact,
            place=DifferencePlace.FETCH,
            name=new["name"],
            names=telling,
            other=old["name"] if old["name"] != new["name"] else None,
            renamed=is_renamed,
        )

    if names and is_renamed and not has_place:
        weigh = noted if same else changed
        yield weigh(Kind.FIXED_OUTPUT, cause(DifferenceFact.FETCH_KEEPS_HASH))
    elif names:
        ranked = _ranked(names)
        values = ({name: side.get(name) for name in ranked} for side in (one, other))
        yield regression(
            Kind.FIXED_OUTPUT,
            cause(DifferenceFact.FETCHED_DIFFERENTLY, *ranked),
            *values,
        )
    elif not is_renamed:
        is_rewritten = _hashes(old) != _hashes(new)
        fact = (
            DifferenceFact.HASH_REWRITTEN
            if is_rewritten
            else DifferenceFact.TOOLS_DIFFER
        )
        yield noted(Kind.FIXED_OUTPUT, cause(fact), old["drv"], new["drv"])


def _serious(
    one: dict[str, Any], other: dict[str, Any], *, is_renamed: bool
) -> list[str]:
    """Return the changed attributes of a download that may affect its content."""
    names = {
        name for name in one.keys() | other.keys() if one.get(name) != other.get(name)
    }
    has_place = one.get("urls") is not None
    if (
        has_place
        and {"url", "urls"}.isdisjoint(names)
        and None in (one.get("rev"), other.get("rev"))
    ):
        # The URL is the same, only the name of the revision differs.
        names -= _REF
    if is_renamed:
        return sorted(names - _NAMES)
    return sorted(names - _MANNERS - (_BESIDE_PLACES if has_place else set()))


def refetched(before: list[Any], after: list[Any]) -> set[str]:
    """Return the names of downloads whose derivations differ.

    For a name such as `a.src`, the name `a` is included.
    """
    olds = {each["name"]: each["drv"] for each in before}
    names = {
        each["name"]
        for each in after
        if olds.get(each["name"], each["drv"]) != each["drv"]
    }
    return {part for name in names for part in (name, name.rpartition(".")[0])}


def texts(before: list[Any], after: list[Any]) -> Iterator[Weighed]:
    """Yield changed derivations that are only mentioned in a package's texts.

    Their outputs stay the same, so no attribute shows the difference.
    """
    olds = {text["name"]: text for text in before}
    for new in after:
        old = olds.get(new["name"], {"derivations": [], "outputs": []})
        outputs = {
            STORE.sub("", path) for path in old["outputs"] if path in new["outputs"]
        }
        ours, theirs = ({*side["derivations"]} for side in (old, new))
        others = {STORE.sub("", path): path for path in theirs - ours}
        for path in sorted(ours - theirs):
            name = STORE.sub("", path)
            output = name.removesuffix(".drv")
            if name in others and output in outputs:
                cause = Cause(
                    fact=DifferenceFact.FETCH_UNNAMED,
                    names=(new["name"],),
                    other=output,
                )
                yield noted(Kind.FIXED_OUTPUT, cause, path, others[name])


def _ranked(names: Collection[str]) -> list[str]:
    """Return names of a download's attributes, the most informative first."""
    return [
        *(name for name in _TELLING if name in names),
        *(name for name in names if name not in _TELLING),
    ]


def _hash(fetch: dict[str, Any]) -> Any:  # noqa: ANN401 - JSON
    return fetch["attributes"].get("outputHash")


def _keeps_hash(old: dict[str, Any], new: dict[str, Any]) -> bool:
    """Return whether two downloads have the same output or the same hash."""
    return bool(old["out"] == new["out"] or (_hash(old) and _hash(old) == _hash(new)))


def _fetch(fetch: dict[str, Any]) -> dict[str, Any]:
    """Return the attributes of a download in a form that can be compared.

    The attributes about its hash are left out, and store paths lose their hashes.
    """

    def normal(name: str, value: Any) -> Any:  # noqa: ANN401 - JSON
        text = (
            value
            if name in {"src", "patches"}
            else with_strings(value, partial(STORE.sub, "/nix/store/…-"))
        )
        return with_strings(text, partial(_TAG.sub, ""))

    attributes: dict[str, Any] = fetch["attributes"]
    shown = {
        name: normal(name, value)
        for name, value in attributes.items()
        if name not in HASHES
    }
    if shown.get("urls") is None:
        shown["urls"] = [shown["url"]] if shown.get("url") is not None else None
    shown.pop("url", None)
    listed = shown.pop("curlOptsList", None)
    shown["curlOpts"] = [
        *str(shown.get("curlOpts") or "").split(),
        *(listed if isinstance(listed, list) else []),
    ]
    revision = shown.pop("tag", None) or shown.pop("rev", None)
    shown.pop("rev", None)
    return {
        name: value
        for name, value in {**shown, "rev": revision}.items()
        if value not in (None, "", [], {})
    }


def _hashes(fetch: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value for name, value in fetch["attributes"].items() if name in HASHES
    }
